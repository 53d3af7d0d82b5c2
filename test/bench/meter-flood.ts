import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { decodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { withBatchIdentity } from "@picket/sensor/export/batch-identity.js";
import {
  meterDefaults,
  meterEnvironment,
  meterNodeFlags,
  type MeterSettings,
} from "@picket/sensor/capture/live-settings.js";
import { median, rounded, type Benchmark, type BenchmarkResult } from "./benchmark.js";
import { isInstalled } from "./child-cpu.js";
import { FrameSender, type Sent } from "./frame-sender.js";
import { LiveCable } from "./live-cable.js";
import { meterMain, run, until } from "./live-reader.js";
import { MeterOutput } from "./meter-output.js";

const packetsPerSecond = 1_000_000;
const floodSeconds = 10;
const scanDelayMs = 2000;
const leaveMaxMs = 35_000;
const flushMs = 3000;
const scannedPorts = 1000;
const [nearAddress, farAddress, floodedAddress] = ["10.77.0.1", "10.77.0.2", "10.9.0.1"];
const epoch = new Uint8Array(16).fill(1);
/** The scanner's address as the last word of an IPv4-mapped one. */
const scannerWord = 0x0a4d_0002;

/** One flood. */
interface Flood {
  readonly sent: Sent;
  readonly emergencyAfterMs: number | undefined;
  readonly leftAfterMs: number | undefined;
  readonly rssMib: readonly number[];
  readonly scanPackets: number;
  readonly scanPacketsEmitted: number;
  readonly portsEmitted: number;
  readonly dropped: number;
  readonly batchesDropped: number;
}

/** A SYN flood of a million packets/s from ever new sources, with nmap at work in the middle of it. */
export const meterFlood: Benchmark = {
  name: "meter-flood",
  summary:
    "Memory and emergency mode of the meter in a SYN flood, and what it tells of an nmap scan meanwhile",
  async run(options) {
    for (const tool of ["nmap", "tcpdump"])
      if (!isInstalled(tool)) throw new Error(`${tool} is missing: apt-get install ${tool}`);
    const folder = mkdtempSync(join(tmpdir(), "picket-bench-"));
    const floods: Flood[] = [];
    try {
      const sender = new FrameSender(folder);
      for (let each = 0; each < options.runs; each++) floods.push(await flood(sender, folder));
    } finally {
      rmSync(folder, { recursive: true });
    }
    return resultOf(floods);
  },
};

async function flood(sender: FrameSender, folder: string): Promise<Flood> {
  const cable = new LiveCable();
  let child: ChildProcess | undefined;
  try {
    cable.up();
    cable.address(nearAddress, farAddress);
    child = run(cable.namespace, [process.execPath, ...meterNodeFlags, meterMain], meterEnvironment);
    return await measure(child, cable, sender, folder);
  } finally {
    child?.kill("SIGKILL");
    cable.down();
  }
}

async function measure(
  child: ChildProcess,
  cable: LiveCable,
  sender: FrameSender,
  folder: string,
): Promise<Flood> {
  const scan = new ScanRecords();
  let emergencyMs: number | undefined;
  let isEmergency = false;
  const meter = new MeterOutput(
    child.stdio[3] as Readable,
    (bytes) => scan.add(bytes),
    (counters) => {
      isEmergency = counters["metering_emergency_live"] === 1;
      if (isEmergency) emergencyMs ??= performance.now();
    },
  );
  const settings: MeterSettings = { ...meterDefaults, interface: cable.interface, capture: "ring" };
  child.stdin?.write(`${JSON.stringify({ kind: "start", settings })}\n`);
  await until("the meter runs", () => meter.isRunning);
  const rss = new MemorySamples(child.pid ?? 0);
  const startMs = performance.now();
  const flooding = sender.send(
    cable.namespace,
    cable.interface,
    { kind: "syn", destination: floodedAddress },
    packetsPerSecond,
    floodSeconds,
  );
  await delay(scanDelayMs);
  const scanPackets = await scanNow(cable, folder);
  const sent = await flooding;
  const endMs = performance.now();
  let leftAfterMs: number | undefined;
  try {
    await until("the emergency is over", () => emergencyMs === undefined || !isEmergency, leaveMaxMs);
    leftAfterMs = performance.now() - endMs;
  } catch {
    // Shown as such.
  }
  await delay(flushMs);
  rss.stop();
  const ended = new Promise((resolve) => child.once("close", resolve));
  child.stdin?.end();
  await ended;
  return {
    sent,
    emergencyAfterMs: emergencyMs === undefined ? undefined : emergencyMs - startMs,
    leftAfterMs,
    rssMib: rss.mib,
    scanPackets,
    scanPacketsEmitted: scan.packets,
    portsEmitted: scan.ports.size,
    dropped: meter.counters["packets_dropped_kernel"] ?? 0,
    batchesDropped: meter.counters["batches_dropped_pipe_full"] ?? 0,
  };
}

/** Runs nmap; returns how many packets it and the scanned host exchanged, as tcpdump saw them at nmap's end. */
async function scanNow(cable: LiveCable, folder: string): Promise<number> {
  const file = join(folder, "scan.pcap");
  const inSender = ["netns", "exec", cable.sender];
  const filter = ["tcp", "and", "host", farAddress];
  const dump = spawn(
    "ip",
    [...inSender, "tcpdump", "-U", "-w", file, "-s", "96", "-B", "16384", "-i", cable.far, ...filter],
    {
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  let text = "";
  dump.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await until("tcpdump listens", () => text.includes("listening on"));
  const ports = ["-p", `1-${scannedPorts}`, "--max-retries", "1"];
  const nmap = spawn("ip", [...inSender, "nmap", "-n", "-Pn", "-sS", ...ports, nearAddress], {
    stdio: "ignore",
  });
  await new Promise((resolve) => nmap.once("close", resolve));
  // What waits in its buffer comes in this time.
  await delay(flushMs);
  dump.kill("SIGINT");
  await new Promise((resolve) => dump.once("close", resolve));
  const listed = execFileSync("tcpdump", ["-nr", file], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return listed.split("\n").filter((line) => line !== "").length;
}

/** What the records say of the scanner. */
class ScanRecords {
  packets = 0;
  readonly ports = new Set<number>();
  #batches = 0;
  readonly #columns = new FlowColumns();

  add(bytes: Uint8Array): void {
    const columns = this.#columns;
    const error = decodeFlowBatch(withBatchIdentity(bytes, epoch, ++this.#batches), columns);
    if (error !== undefined) throw new Error(`the meter sent a batch that is none: ${error}`);
    for (let i = 0; i < columns.length; i++) {
      if (columns.addressWords[columns.sourceIndex[i] * 4 + 3] !== scannerWord) continue;
      this.packets += columns.forwardPackets[i] + columns.reversePackets[i];
      this.ports.add(columns.destinationPort[i]);
    }
  }
}

class MemorySamples {
  readonly mib: number[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(pid: number) {
    this.#timer = setInterval(() => {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      this.mib.push(Number(/VmRSS:\s*(\d+)/.exec(status)?.[1]) / 1024);
    }, 250);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

function resultOf(floods: readonly Flood[]): BenchmarkResult {
  const peaks = floods.map(({ rssMib }) => Math.max(...rssMib));
  const worst = (values: readonly (number | undefined)[]) =>
    Math.max(...values.map((value) => value ?? Number.MAX_SAFE_INTEGER));
  return {
    metric: "most memory of the meter in the flood",
    unit: "MiB",
    measurements: [{ label: "picket", values: peaks }],
    value: median(peaks),
    peers: {},
    ratio: {},
    apart: {
      emergency_after_ms: rounded(worst(floods.map(({ emergencyAfterMs }) => emergencyAfterMs))),
      left_after_ms: rounded(worst(floods.map(({ leftAfterMs }) => leftAfterMs))),
      scan_packets: sum(floods.map(({ scanPackets }) => scanPackets)),
      scan_packets_emitted: sum(floods.map(({ scanPacketsEmitted }) => scanPacketsEmitted)),
    },
    runs: floods.length,
    notes: [`load average ${loadavg().map(rounded).join(" ")}`, ...floods.map(noteOf)],
  };
}

function noteOf(each: Flood): string {
  const { sent, rssMib } = each;
  const seconds = (ms: number | undefined) => (ms === undefined ? "never" : `after ${rounded(ms / 1000)} s`);
  const half = rssMib.slice(Math.floor(rssMib.length / 2));
  return (
    `flood: ${sent.packets} packets at ${Math.round(sent.packetsPerSecond)}/s, ${each.dropped} dropped in the ring, ` +
    `${each.batchesDropped} batches at the pipe; emergency reported ${seconds(each.emergencyAfterMs)}, ` +
    `left ${seconds(each.leftAfterMs)} of the end; memory ${Math.round(Math.max(...rssMib))} MiB, in the second half ` +
    `${Math.round(Math.min(...half))} to ${Math.round(Math.max(...half))}; nmap: ${each.scanPackets} packets on the ` +
    `cable, ${each.scanPacketsEmitted} in records, ${each.portsEmitted} of ${scannedPorts} ports`
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
