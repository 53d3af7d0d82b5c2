import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isInstalled } from "./child-cpu.js";

/** Beside this file, or beside its source when run from dist. */
const source = ["frame-sender.cc", "../../bench/frame-sender.cc"]
  .map((path) => fileURLToPath(new URL(path, import.meta.url)))
  .find((path) => existsSync(path));
const sendMaxMs = 120_000;

/** What came in at the interface. */
export interface Sent {
  readonly packets: number;
  readonly packetsPerSecond: number;
}

/** What is sent: a capture file over and over, no flow twice, or SYNs from ever new sources. */
export type Traffic =
  | { readonly kind: "file"; readonly file: string }
  | { readonly kind: "syn"; readonly destination: string };

/**
 * Frames at a given rate, from a program that is compiled here (frame-sender.cc).
 * It runs on the last core, so that what it costs is not the reader's.
 */
export class FrameSender {
  readonly #program: string;

  /** Throws an Error where there is no compiler. */
  constructor(folder: string) {
    if (source === undefined) throw new Error("frame-sender.cc is missing");
    if (!isInstalled("g++")) throw new Error("g++ is missing: apt-get install g++");
    this.#program = join(folder, "frame-sender");
    execFileSync("g++", ["-O2", "-std=c++17", "-o", this.#program, source], { stdio: "pipe" });
  }

  /** Throws an Error when the kernel refuses; a machine that is too slow sends fewer. */
  async send(
    namespace: string,
    device: string,
    traffic: Traffic,
    rate: number,
    seconds: number,
  ): Promise<Sent> {
    const what = traffic.kind === "file" ? traffic.file : traffic.destination;
    const pinned = ["taskset", "-c", String(cpus().length - 1), this.#program];
    const command = [...pinned, device, String(rate), String(seconds), traffic.kind, what];
    const child = spawn("ip", ["netns", "exec", namespace, ...command], {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: sendMaxMs,
    });
    let text = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
    await new Promise((resolve) => child.once("close", resolve));
    const [, packets, took] = /(\d+) packets in ([\d.]+) s/.exec(text) ?? [];
    if (packets === undefined) throw new Error(`frame-sender failed: ${text.trim()}`);
    return { packets: Number(packets), packetsPerSecond: Number(packets) / Number(took) };
  }
}
