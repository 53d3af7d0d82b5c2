import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import {
  type MeterSettings,
  meterDefaults,
  meterEnvironment,
  meterNodeFlags,
} from "@picket/sensor/capture/live-settings.js";
import { MeterOutput } from "./meter-output.js";
import { cpuSecondsOf } from "./process-cpu.js";

const startMaxMs = 10_000;
const stopMaxMs = 20_000;
/** CPU that did not grow for so long will not. */
const settledMs = 400;
/** The built program of the meter. */
export const meterMain = fileURLToPath(new URL("../../../sensor/dist/meter-main.js", import.meta.url));
const delayResolutionMs = 10;
/** Debian keeps daemons out of an ordinary user's path. */
const toolEnv = { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` };

/** What a reader of live packets took and what it cost. */
export interface LiveCost {
  /** User and system time of the whole process. */
  readonly cpuSeconds: number;
  /** What of that it had used before the first packet. */
  readonly startSeconds: number;
  /** Packets it saw, where it says so. */
  readonly packets: number | undefined;
  /** Packets the kernel dropped for it, where it says so. */
  readonly dropped: number | undefined;
  /** Most memory it held, MiB. */
  readonly rssMib: number;
  /** Ours only: 99.9th percentile of the event loop's delay. */
  readonly delayMs?: number;
}

/** A program that reads packets of an interface until it is stopped. */
export interface LiveReader {
  readonly label: string;
  readonly aptPackage?: string;
  /** Starts it, lets `send` send, stops it when it has taken everything. */
  measure(namespace: string, device: string, folder: string, send: () => Promise<void>): Promise<LiveCost>;
}

export const tcpdump: LiveReader = {
  label: "tcpdump",
  aptPackage: "tcpdump",
  async measure(namespace, device, _folder, send) {
    const child = run(namespace, ["tcpdump", "-i", device, "-s", "128", "-w", "/dev/null"]);
    const text = textOf(child);
    await until("tcpdump listens", () => isListening(child.pid));
    const cost = await costOf(child, send, () => child.kill("SIGINT"));
    const seen = /(\d+) packets captured/.exec(text())?.[1];
    const dropped = /(\d+) packets dropped by kernel/.exec(text())?.[1];
    return { ...cost, packets: Number(seen), dropped: Number(dropped) };
  },
};

/** As many flows as we keep, both versions of IP, nothing exported. */
export const softflowd: LiveReader = {
  label: "softflowd",
  aptPackage: "softflowd",
  async measure(namespace, device, folder, send) {
    const socket = join(folder, "softflowd.ctl");
    const files = ["-p", join(folder, "softflowd.pid"), "-c", socket];
    const child = run(namespace, ["softflowd", "-d", "-6", "-m", "65536", "-i", device, ...files]);
    await until("softflowd listens", () => isListening(child.pid));
    let statistics = "";
    const cost = await costOf(child, send, () => {
      statistics = execFileSync("softflowctl", ["-c", socket, "statistics"], {
        encoding: "utf8",
        env: toolEnv,
      });
      child.kill("SIGINT");
    });
    const seen = /Packets processed: (\d+)/.exec(statistics)?.[1];
    const dropped = /dropped by libpcap: (\d+)/.exec(statistics)?.[1];
    return { ...cost, packets: Number(seen), dropped: dropped === undefined ? undefined : Number(dropped) };
  },
};

/** The sensor's own meter process: capture, decode, metering, encoded batches. */
export const picketMeter: LiveReader = {
  label: "picket",
  async measure(namespace, device, _folder, send) {
    const probe = `data:text/javascript,${encodeURIComponent(delayProbe)}`;
    const child = run(
      namespace,
      [process.execPath, ...meterNodeFlags, "--import", probe, meterMain],
      meterEnvironment,
    );
    const text = textOf(child);
    const meter = new MeterOutput(child.stdio[3] as Readable);
    const settings: MeterSettings = { ...meterDefaults, interface: device, capture: "ring" };
    child.stdin?.write(`${JSON.stringify({ kind: "start", settings })}\n`);
    await until("the meter runs", () => meter.isRunning);
    child.kill("SIGUSR2");
    const delayMs = () => /delay ([\d.]+)\n/.exec(text())?.[1];
    const cost = await costOf(child, send, async () => {
      child.kill("SIGUSR2");
      await until("the delay is known", () => delayMs() !== undefined);
      child.stdin?.end();
    });
    const { packets_captured: packets, packets_dropped_kernel: dropped } = meter.counters;
    if (meter.counters["packets_received"] !== packets)
      throw new Error(`metered ${meter.counters["packets_received"]} of ${packets} packets`);
    return { ...cost, packets, dropped, delayMs: Number(delayMs()) };
  },
};

/**
 * Says how late the event loop was between two SIGUSR2: when the meter runs, and
 * when it has taken everything. The probe's own interval is in what it measures.
 */
const delayProbe = `
  import { monitorEventLoopDelay } from "node:perf_hooks";
  import { writeSync } from "node:fs";
  const histogram = monitorEventLoopDelay({ resolution: ${delayResolutionMs} });
  histogram.enable();
  process.once("SIGUSR2", () => {
    histogram.reset();
    process.once("SIGUSR2", report);
  });
  function report() {
    writeSync(2, "delay " + Math.max(0, histogram.percentile(99.9) / 1e6 - ${delayResolutionMs}) + "\\n");
  }`;

/** `ip netns exec` becomes the command: the process number is the reader's own. */
export function run(
  namespace: string,
  command: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): ChildProcess {
  return spawn("ip", ["netns", "exec", namespace, ...command], {
    stdio: ["pipe", "ignore", "pipe", "pipe"],
    env: { ...toolEnv, ...environment },
  });
}

function textOf(child: ChildProcess): () => string {
  let text = "";
  child.stderr?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return () => text;
}

async function costOf(
  child: ChildProcess,
  send: () => Promise<void>,
  stop: () => unknown,
): Promise<Pick<LiveCost, "cpuSeconds" | "startSeconds" | "rssMib">> {
  const pid = child.pid ?? 0;
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const timer = setTimeout(() => child.kill("SIGKILL"), startMaxMs + stopMaxMs + 60_000);
  try {
    const startSeconds = cpuSecondsOf(pid);
    await send();
    await settled(pid);
    const rssMib = Number(/VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
    const cpuSeconds = cpuSecondsOf(pid);
    await stop();
    await ended;
    return { cpuSeconds, startSeconds, rssMib };
  } finally {
    clearTimeout(timer);
    child.kill("SIGKILL");
  }
}

async function settled(pid: number): Promise<void> {
  let cpuSeconds = -1;
  for (let now = cpuSecondsOf(pid); now - cpuSeconds > 0.01; now = cpuSecondsOf(pid)) {
    cpuSeconds = now;
    await delay(settledMs);
  }
}

/** A packet socket is open in the namespace of the process: its table has a row below the title. */
function isListening(pid: number | undefined): boolean {
  return readFileSync(`/proc/${pid}/net/packet`, "utf8").trim().split("\n").length > 1;
}

/** Waits until something is so; throws an Error when it is not in time. */
export async function until(
  what: string,
  condition: () => boolean,
  maxMs: number = startMaxMs,
): Promise<void> {
  const endMs = performance.now() + maxMs;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`not within ${maxMs} ms: ${what}`);
    await delay(20);
  }
}
