import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { FlowTotals } from "@picket/sensor/export/gap.js";
import type { SensorCounters } from "@picket/sensor/capture/live-settings.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isInstalled } from "../bench/child-cpu.js";
import { FrameSender } from "../bench/frame-sender.js";
import { LiveCable } from "../bench/live-cable.js";
import { writeCaptureFile } from "../scenarios/capture-file.js";
import { missingRing } from "./ring-available.js";
import { temporaryFolder, waitUntil } from "./sensor-harness.js";

const missing = missingRing ?? (isInstalled("g++") ? undefined : "needs g++ for the sender of frames");
if (missing !== undefined) process.stderr.write(`sensor-stalled-exporter: skipped, ${missing}\n`);

const pipeBytesMax = 64 << 10;
const packetsPerSecond = 40_000;
const sendSeconds = 9;
const warmUpMs = 2500;
const sampleMs = 100;
const growthMaxMib = 16;

/** The exporter's half of a sensor: starts a meter, adds up what it hands over, tells at the end. */
const exporterScript = `
  const [file, device, bytes] = process.argv.slice(1);
  const { LiveMeter } = await import(file);
  const sums = () => ({ records: 0, packets: 0, bytes: 0 });
  const delivered = sums(), lost = { pipe_full: sums(), crash: sums() };
  const add = (to, totals) => { for (const key in to) to[key] += totals[key]; };
  const say = (value) => process.stdout.write(JSON.stringify(value) + "\\n");
  const meter = new LiveMeter({ interface: device, capture: "ring", pipeBytesMax: Number(bytes) }, {
    onBatch: (batch) => add(delivered, batch.totals),
    onLoss: (reason, totals) => add(lost[reason], totals),
    onState: (state) => say({ state: state.kind }),
  });
  meter.start();
  process.stdin.resume().on("end", async () => {
    await meter.stop();
    say({ delivered, lost, counters: meter.counters });
    process.exit(0);
  });`;

/** What the exporter tells at the end. */
interface Account {
  readonly delivered: FlowTotals;
  readonly lost: Readonly<Record<"pipe_full" | "crash", FlowTotals>>;
  readonly counters: SensorCounters;
}

class Exporter {
  readonly process: ChildProcess;
  readonly ended: Promise<void>;
  isRunning = false;
  account: Account | undefined;

  constructor(cable: LiveCable) {
    const file = fileURLToPath(new URL("../../sensor/dist/capture/live-meter.js", import.meta.url));
    const node = [process.execPath, "--input-type=module", "-e", exporterScript];
    const command = ["netns", "exec", cable.namespace, ...node, file, cable.interface, String(pipeBytesMax)];
    const child = spawn("ip", command, { stdio: ["pipe", "pipe", "inherit"] });
    this.process = child;
    this.ended = new Promise((resolve) => child.once("close", () => resolve()));
    createInterface(child.stdout).on("line", (line) => {
      const told = JSON.parse(line) as { state?: string } | Account;
      if ("counters" in told) this.account = told;
      else if ("state" in told) this.isRunning = told.state === "running";
    });
  }

  /** Process number of the meter. */
  get meterPid(): number {
    const { pid } = this.process;
    const children = readdirSync(`/proc/${pid}/task`).map((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").trim(),
    );
    return Number(children.find((each) => each !== "")?.split(" ")[0]);
  }

  async stop(): Promise<Account | undefined> {
    this.process.stdin?.end();
    await this.ended;
    return this.account;
  }
}

function rssMibOf(pid: number): number {
  return Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

/** Memory of a process, until something has happened. */
async function sampleRss(pid: number, end: Promise<unknown>): Promise<number[]> {
  const samples = [rssMibOf(pid)];
  const timer = setInterval(() => samples.push(rssMibOf(pid)), sampleMs);
  await end.finally(() => clearInterval(timer));
  return samples;
}

describe.skipIf(missing !== undefined)("an exporter that stands still", () => {
  const cable = new LiveCable();
  const folder = temporaryFolder();
  let exporter: Exporter | undefined;

  beforeAll(() => cable.up());

  afterAll(() => {
    exporter?.process.kill("SIGKILL");
    cable.down();
    folder.remove();
  });

  it("costs the meter no memory, and every record is delivered or told as lost", async () => {
    const file = `${folder.path}/traffic.pcap`;
    writeCaptureFile(file, { packets: 100_000, flows: 14_000 });
    const sender = new FrameSender(folder.path);
    const running = (exporter = new Exporter(cable));
    await waitUntil("the meter runs", () => running.isRunning);
    const sending = sender.send(
      cable.namespace,
      cable.interface,
      { kind: "file", file },
      packetsPerSecond,
      sendSeconds,
    );
    const { meterPid } = running;
    await delay(warmUpMs);
    running.process.kill("SIGSTOP");
    // As long as there is traffic: a slow machine fills the pipe late.
    const [before, ...during] = await sampleRss(meterPid, sending);
    running.process.kill("SIGCONT");
    expect(Math.max(...during) - before).toBeLessThan(growthMaxMib);
    const account = await running.stop();
    expect(account?.counters).toMatchObject({ meter_restarts: 0 });
    const { delivered, lost, counters } = account as Account;
    expect(lost.crash.records).toBe(0);
    expect(lost.pipe_full.records).toBeGreaterThan(0);
    expect(counters["batches_dropped_pipe_full"]).toBeGreaterThan(0);
    expect(delivered.records + lost.pipe_full.records).toBe(counters["metering_records"]);
    expect(delivered.packets + lost.pipe_full.packets).toBe(counters["metering_packets"]);
    expect(delivered.bytes + lost.pipe_full.bytes).toBe(counters["metering_bytes"]);
  }, 60_000);
});
