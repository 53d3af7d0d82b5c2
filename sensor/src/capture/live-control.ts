import { readSync } from "node:fs";
import type { MeterControl } from "./live-settings.js";

const lineBytesMax = 65_536;

/**
 * Lines of control on standard input. They arrive by the event loop, and by
 * `poll` where a flood keeps the event loop from turning.
 */
export class ControlInput {
  #text = "";
  #ended = false;

  constructor(
    private readonly onControl: (control: MeterControl) => void,
    private readonly onEnd: () => void,
  ) {}

  start(): void {
    process.stdin.on("data", (chunk: Buffer) => this.#take(chunk.toString("utf8")));
    process.stdin.on("end", () => this.#end());
    process.stdin.on("error", () => this.#end());
  }

  /** Reads what is there, without waiting. */
  poll(): void {
    const bytes = Buffer.allocUnsafe(4096);
    try {
      const length = readSync(0, bytes, 0, bytes.length, null);
      if (length === 0) this.#end();
      else this.#take(bytes.toString("utf8", 0, length));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") this.#end();
    }
  }

  #take(text: string): void {
    const lines = (this.#text + text).split("\n");
    this.#text = lines.pop() ?? "";
    if (this.#text.length > lineBytesMax) return this.#end();
    for (const line of lines) this.onControl(JSON.parse(line) as MeterControl);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.onEnd();
  }
}
