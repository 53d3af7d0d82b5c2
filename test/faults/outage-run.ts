import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { sensorConfigSchema } from "@picket/sensor/config.js";
import { untilReady } from "../servers/until-ready.js";
import type { ExportingSensorProcess } from "./exporting-sensor-process.js";
import { startFleet } from "./fleet-under-test.js";
import type { FleetSettings } from "./fleet-under-test.js";
import { StreamReader } from "./stream-reader.js";

/** A sensor whose NATS server is away for so long that the spool overflows. */
export interface OutageSettings extends Partial<FleetSettings> {
  readonly seed: number;
  readonly spoolBytesMax: number;
  readonly outageMs: number;
  /** Time before the outage, in which the sensor finds its size, and after it. */
  readonly warmUpMs: number;
  readonly recoveryMs: number;
}

/** What the outage cost. */
export interface OutageResult {
  /** Most bytes on disk, the spool's files as the file system counts them. */
  readonly diskBytesMax: number;
  /** Most memory during and after the outage above the most before it. */
  readonly rssGrowthBytes: number;
  readonly emitted: number;
  /** Records in the stream, and in its gap records. */
  readonly stored: number;
  readonly lost: number;
  /** The same as the registry has it. */
  readonly applied: number;
  readonly appliedLost: number;
  /** How late the batches made after the recovery were stored, at worst; milliseconds. */
  readonly liveLagMsMax: number;
  /** The same of batches made in the second half of the recovery. */
  readonly lateLiveLagMsMax: number;
  /** Backlog batches stored after the first live one, of those that were not when it was made, and of all. */
  readonly backlogBehindLive: number;
  readonly backlogWaiting: number;
  readonly backlog: number;
}

const sampleEveryMs = 100;
const settleMaxMs = 120_000;
const blockBytes = 512;
/** Batches that a sensor has in flight. */
const inFlightMax = sensorConfigSchema.parse({}).publishInFlightMax;

/** Runs one sensor through an outage and adds up what came of its records. */
export async function runOutage(settings: OutageSettings): Promise<OutageResult> {
  const fleet = await startFleet({ sensors: 1, correlators: 1, ...settings });
  const [sensor] = fleet.sensors;
  const samples = new Samples(sensor);
  const reader = new StreamReader();
  try {
    await delay(settings.warmUpMs);
    const rssBytesBefore = samples.rssBytesMax;
    await fleet.nats.kill();
    const outageMs = Date.now();
    await delay(settings.outageMs);
    await fleet.nats.restart();
    const recoveredMs = Date.now();
    await delay(settings.recoveryMs);
    const [account] = await fleet.settle(settleMaxMs);
    await reader.start(fleet.nats.url);
    await untilReady(
      "the stream was read",
      settleMaxMs,
      () => reader.records + reader.lost >= account.emitted,
    );
    return {
      diskBytesMax: samples.diskBytesMax,
      rssGrowthBytes: samples.rssBytesMax - rssBytesBefore,
      emitted: account.emitted,
      stored: reader.records,
      lost: reader.lost,
      applied: account.applied,
      appliedLost: account.lost,
      ...liveness(reader, outageMs, recoveredMs, settings.recoveryMs),
    };
  } finally {
    samples.stop();
    await reader.stop();
    await fleet.stop();
  }
}

/** True unless more of the backlog than was in flight already went before the first live batch. */
export function goesLiveFirst({ backlogBehindLive, backlogWaiting }: OutageResult): boolean {
  return backlogBehindLive > 0 || backlogWaiting <= inFlightMax;
}

function liveness({ batches }: StreamReader, outageMs: number, recoveredMs: number, recoveryMs: number) {
  const live = batches.filter(({ madeMs }) => madeMs >= recoveredMs);
  const lagMsMax = (fromMs: number): number =>
    Math.max(0, ...live.map(({ madeMs, storedMs }) => (madeMs >= fromMs ? storedMs - madeMs : 0)));
  const firstLive = batches.findIndex(({ madeMs }) => madeMs >= recoveredMs);
  const firstMadeMs = firstLive < 0 ? Infinity : batches[firstLive].madeMs;
  const isBacklog = ({ madeMs }: { madeMs: number }): boolean => madeMs >= outageMs && madeMs < recoveredMs;
  return {
    liveLagMsMax: Math.round(lagMsMax(recoveredMs)),
    lateLiveLagMsMax: Math.round(lagMsMax(recoveredMs + recoveryMs / 2)),
    backlogBehindLive: firstLive < 0 ? 0 : batches.slice(firstLive).filter(isBacklog).length,
    backlogWaiting: batches.filter((batch) => isBacklog(batch) && batch.storedMs > firstMadeMs).length,
    backlog: batches.filter(isBacklog).length,
  };
}

/** The most a sensor took of memory and disk. */
class Samples {
  rssBytesMax = 0;
  diskBytesMax = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(private readonly sensor: ExportingSensorProcess) {
    this.#timer = setInterval(() => this.#take(), sampleEveryMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #take(): void {
    const { report, settings } = this.sensor;
    this.rssBytesMax = Math.max(this.rssBytesMax, report?.rssBytes ?? 0);
    this.diskBytesMax = Math.max(this.diskBytesMax, folderBytes(settings.spoolFolder));
  }
}

/** Blocks its files take; one that goes away meanwhile counts nothing. */
function folderBytes(folder: string): number {
  let bytes = 0;
  for (const name of readdirSync(folder))
    bytes += (statSync(join(folder, name), { throwIfNoEntry: false })?.blocks ?? 0) * blockBytes;
  return bytes;
}
