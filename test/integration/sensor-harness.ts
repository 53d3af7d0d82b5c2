import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { jetstream, jetstreamManager, type ConsumerMessages } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { decodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { decodeGap } from "@picket/sensor/export/gap-codec.js";
import type { Gap } from "@picket/sensor/export/gap.js";

/** Polls until the condition holds; throws with `what` when it does not within the deadline. */
export async function waitUntil(what: string, condition: () => boolean, deadlineMs = 30_000): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await delay(20);
  }
}

/** The stream of flows and gaps, as small as a test needs. */
export async function createFlowStream(connection: NatsConnection): Promise<void> {
  const manager = await jetstreamManager(connection);
  await manager.streams.add({
    name: "FLOWS",
    subjects: ["picket.flows.v1.*", "picket.gaps.v1.*"],
    max_bytes: 256 << 20,
    max_msg_size: 66_560,
    duplicate_window: 120e9,
  });
}

export interface ReadBatch {
  readonly sensor: string;
  /** Hexadecimal. */
  readonly epoch: string;
  readonly sequence: number;
  readonly records: number;
  readonly packets: number;
  /** "source>destination:port outcome" of each record; IPv4 only. */
  readonly flows: readonly string[];
}

/** Reads the stream from its beginning while it grows. */
export class FlowReader {
  readonly batches: ReadBatch[] = [];
  readonly gaps: Gap[] = [];
  /** Batches that could not be decoded. */
  readonly invalid: string[] = [];
  readonly #columns = new FlowColumns();
  #connection: NatsConnection | undefined;
  #messages: ConsumerMessages | undefined;

  /** Tries until the server at `url` answers for its stream. */
  async start(url: string): Promise<void> {
    this.#connection = await connectTest(url);
    for (const endMs = performance.now() + 30_000; this.#messages === undefined; await delay(50)) {
      try {
        const consumer = await jetstream(this.#connection, { timeout: 1000 }).consumers.get("FLOWS");
        this.#messages = await consumer.consume({
          callback: (message) => this.#take(message.subject, message.data),
        });
      } catch (error) {
        if (performance.now() > endMs) throw error;
      }
    }
  }

  async stop(): Promise<void> {
    await this.#messages?.close();
    await this.#connection?.close();
  }

  get records(): number {
    return this.batches.reduce((sum, batch) => sum + batch.records, 0);
  }

  has(flow: string): boolean {
    return this.batches.some((batch) => batch.flows.includes(flow));
  }

  #take(subject: string, bytes: Uint8Array): void {
    if (subject.startsWith("picket.gaps.")) {
      const gap = decodeGap(bytes);
      if (gap !== undefined) this.gaps.push(gap);
      return;
    }
    const columns = this.#columns;
    const fault = decodeFlowBatch(bytes, columns);
    if (fault !== undefined) return void this.invalid.push(fault);
    let packets = 0;
    for (let i = 0; i < columns.length; i++) packets += columns.forwardPackets[i] + columns.reversePackets[i];
    this.batches.push({
      sensor: subject.split(".").at(-1) ?? "",
      epoch: Buffer.from(columns.epoch).toString("hex"),
      sequence: columns.sequence,
      records: columns.length,
      packets,
      flows: Array.from({ length: columns.length }, (_, i) => flowText(columns, i)),
    });
  }
}

function flowText(columns: FlowColumns, i: number): string {
  const address = (index: number) => {
    const word = columns.addressWords[index * 4 + 3];
    return [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff).join(".");
  };
  const source = address(columns.sourceIndex[i]);
  const destination = address(columns.destinationIndex[i]);
  return `${source}>${destination}:${columns.destinationPort[i]} ${columns.outcome[i]}`;
}

/** A connection of the test itself, which outlives the server's restarts. */
export async function connectTest(url: string): Promise<NatsConnection> {
  return connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 100, reconnectJitter: 50 });
}

/** A folder that goes with the test. */
export function temporaryFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "picket-sensor-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export const canUseNamespaces = process.platform === "linux" && process.getuid?.() === 0;

/** Two ends of a cable: one here, one in a namespace of its own. */
export class Cable {
  readonly near = `pk${process.pid % 100_000}n`;
  readonly far = `pk${process.pid % 100_000}f`;
  readonly namespace = `picket-${process.pid}`;
  /** A network by our process number: test files run side by side. */
  readonly #network = `10.${128 + ((process.pid >> 8) & 127)}.${process.pid & 255}`;
  readonly nearAddress = `${this.#network}.1`;
  readonly farAddress = `${this.#network}.2`;

  up(): void {
    ip("netns", "add", this.namespace);
    this.plug();
  }

  /** Makes both ends, which must not exist. */
  plug(): void {
    ip("link", "add", this.near, "type", "veth", "peer", "name", this.far, "netns", this.namespace);
    ip("addr", "add", `${this.nearAddress}/30`, "dev", this.near);
    ip("-n", this.namespace, "addr", "add", `${this.farAddress}/30`, "dev", this.far);
    ip("-n", this.namespace, "link", "set", this.far, "up");
    ip("link", "set", this.near, "up");
  }

  unplug(): void {
    ip("link", "del", this.near);
  }

  set(state: "up" | "down"): void {
    ip("link", "set", this.near, state);
  }

  down(): void {
    try {
      this.unplug();
    } catch {
      // The test took it away itself.
    }
    ip("netns", "del", this.namespace);
  }

  /** Sends a capture file from the far end; returns how many packets went out. */
  replay(file: string, options: readonly string[] = ["--topspeed"]): number {
    const command = ["netns", "exec", this.namespace, "tcpreplay", "-q", ...options, "-i", this.far, file];
    const text = execFileSync("ip", command, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return Number(/Actual: (\d+) packets/.exec(text)?.[1]);
  }

  /** A connection to a closed port of the far end, which refuses it. */
  async knock(port: number): Promise<void> {
    const socket = connectTcp({ host: this.farAddress, port, timeout: 1000 });
    await new Promise<void>((resolve) => {
      for (const event of ["error", "timeout", "connect"]) socket.once(event, () => resolve());
    });
    socket.destroy();
  }

  /** The flow that a knock leaves. */
  refused(port: number): string {
    return `${this.nearAddress}>${this.farAddress}:${port} 3`;
  }
}

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });
}
