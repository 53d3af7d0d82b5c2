import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { jetstream } from "@nats-io/jetstream";
import { headers } from "@nats-io/transport-node";
import { NatsIncidentStore } from "@picket/correlator/adapters/nats/nats-incident-store.js";
import { NatsLink } from "@picket/correlator/adapters/nats/nats-link.js";
import { flowsPrefix, sentAtHeader } from "@picket/correlator/adapters/nats/subjects.js";
import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisIncidentState } from "@picket/correlator/adapters/redis/redis-incident-state.js";
import { bytes, list } from "@picket/correlator/adapters/redis/redis-reply.js";
import { drainProgress } from "../bench/drain-stream.js";
import { RoleProcess } from "../fleet/role-process.js";
import { scanner, SpoofedBatches } from "../scenarios/spoofed-flood.js";
import { freePort } from "../servers/free-port.js";
import { startNats } from "../servers/nats-server.js";
import { startRedis } from "../servers/redis-server.js";
import { untilReady } from "../servers/until-ready.js";

/** One flood against one correlator. */
export interface SpoofedRunSettings {
  readonly seed: number;
  readonly targets: number;
  readonly sources: number;
  readonly sourcesPerSecond: number;
  /** Ports of the real scan, which begins when half of the sources were sent. */
  readonly scannedPorts: number;
}

/** What the flood cost, and whether the scan was found. */
export interface SpoofedRunResult {
  readonly redisPeakBytes: number;
  readonly redisKeys: number;
  /** Keys of windows that nothing would remove. */
  readonly windowKeysWithoutTtl: readonly string[];
  readonly correlatorPeakBytes: number;
  /** From the last packet of the scan to its incident at a reader of INCIDENTS, milliseconds. */
  readonly foundAfterMs: number;
  /** From the last batch sent to the last acknowledged, milliseconds. */
  readonly drainedAfterMs: number;
  /** Open incidents at the end, by kind. */
  readonly incidents: Readonly<Record<string, number>>;
  /** The correlator's counters of what was refused, those above zero. */
  readonly refused: Readonly<Record<string, number>>;
}

const recordsPerBatch = 500;
const scanProbeMs = 100;
const foundMaxMs = 60_000;
const drainedMaxMs = 300_000;
const windowKey = /^\{p\d\d\}\d+:(contacts|starts|rates|facts|daily|counts)$/;

/** Starts servers and a correlator of its own, floods them at the given rate, and waits until all is applied. */
export async function runSpoofed(settings: SpoofedRunSettings): Promise<SpoofedRunResult> {
  const ends: (() => Promise<unknown>)[] = [];
  try {
    return await run(settings, ends);
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

async function run(
  settings: SpoofedRunSettings,
  ends: (() => Promise<unknown>)[],
): Promise<SpoofedRunResult> {
  const nats = await startNats();
  ends.push(() => nats.stop());
  const redis = await startRedis();
  ends.push(() => redis.stop());
  const metrics = `127.0.0.1:${await freePort()}`;
  const words = ["correlator", "--nats", nats.url, "--redis", redis.url, "--metrics-listen", metrics];
  const limits = ["--flows-bytes-max", String(1 << 30), "--incidents-bytes-max", String(256 << 20)];
  const correlator = await RoleProcess.start("correlator", [...words, ...limits], "correlating");
  ends.push(() => correlator.stop());
  const link = new NatsLink({ urls: [nats.url] }, "flood");
  link.start();
  ends.push(() => link.stop());
  await link.ready();
  const connection = new RedisConnection({ url: redis.url });
  connection.start();
  ends.push(() => connection.close());
  await connection.whenUp(5000);
  const incidents = new NatsIncidentStore(link, new RedisIncidentState(connection));
  ends.push(() => incidents.close());

  const { batches, scanEndMs, found } = await sendFlood(link, incidents, settings);
  const sentMs = Date.now();
  await untilReady("every batch is acknowledged", drainedMaxMs, async () => {
    correlator.check();
    return (await drainProgress(link.current())).acknowledged >= batches;
  });
  const drainedAfterMs = Date.now() - sentMs;
  const foundAfterMs = (await found) - scanEndMs;
  const keys = await readKeys(connection);
  const { incidents: open } = await incidents.list({});
  return {
    redisPeakBytes: await redisPeakBytes(connection),
    redisKeys: keys.length,
    windowKeysWithoutTtl: keys
      .filter(({ key, ttlMs }) => windowKey.test(key) && ttlMs < 0)
      .map(({ key }) => key),
    correlatorPeakBytes: peakBytesOf(correlator.pid),
    foundAfterMs,
    drainedAfterMs,
    incidents: countBy(open.map(({ kind }) => kind)),
    refused: await refusedOf(metrics),
  };
}

/** Sends at the rate that is asked for, however long storing takes; the scan in the middle. */
async function sendFlood(
  link: NatsLink,
  incidents: NatsIncidentStore,
  settings: SpoofedRunSettings,
): Promise<{ batches: number; scanEndMs: number; found: Promise<number> }> {
  const flood = new SpoofedBatches(settings);
  const spanMs = (recordsPerBatch * 1000) / settings.sourcesPerSecond;
  const startMs = Date.now();
  const stored: Promise<unknown>[] = [];
  const send = (batch: { sensor: string; bytes: Uint8Array }): void => {
    const sent = headers();
    sent.set(sentAtHeader, String(Date.now() * 1000));
    stored.push(
      jetstream(link.current()).publish(flowsPrefix + batch.sensor, batch.bytes, { headers: sent }),
    );
  };
  let scanEndMs = 0;
  let found: Promise<number> | undefined;
  for (let dueMs = startMs; flood.sources < settings.sources; dueMs += spanMs) {
    await delay(Math.max(0, dueMs + spanMs - Date.now()));
    send(flood.next(recordsPerBatch, dueMs, spanMs));
    if (found !== undefined || flood.sources < settings.sources / 2) continue;
    scanEndMs = Date.now();
    send(flood.scan(settings.scannedPorts, scanEndMs - settings.scannedPorts * scanProbeMs));
    found = whenFound(incidents);
  }
  await Promise.all(stored);
  if (found === undefined) throw new Error("the flood was too short for a scan in the middle");
  return { batches: stored.length, scanEndMs, found };
}

/** When the scan is an incident, as milliseconds since the Unix epoch; never where it is not in time. */
async function whenFound(incidents: NatsIncidentStore): Promise<number> {
  const isFound = async (): Promise<boolean> => {
    const { incidents: about } = await incidents.list({ source: scanner });
    return about.some(({ kind }) => kind === "vertical_scan");
  };
  return await untilReady("the scan is an incident", foundMaxMs, isFound).then(
    () => Date.now(),
    () => Infinity,
  );
}

/** The most that Redis held of data at any time. */
async function redisPeakBytes(connection: RedisConnection): Promise<number> {
  const text = bytes(await connection.command(["INFO", "memory"])).toString();
  return Number(/^used_memory_peak:(\d+)/m.exec(text)?.[1]);
}

async function readKeys(connection: RedisConnection): Promise<{ key: string; ttlMs: number }[]> {
  const keys = list(await connection.command(["KEYS", "*"])).map((key) => bytes(key).toString("latin1"));
  const ttls = keys.map(async (key) => Number(await connection.command(["PTTL", key])));
  return (await Promise.all(ttls)).map((ttlMs, index) => ({ key: keys[index], ttlMs }));
}

/** The most memory that the process ever had (VmHWM of proc(5)). */
function peakBytesOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

async function refusedOf(metrics: string): Promise<Record<string, number>> {
  const text = await (await fetch(`http://${metrics}/metrics`)).text();
  const refused = text.matchAll(/^picket_correlator_(\w*(?:refused|late|rejected|evicted)\w*) (\S+)$/gm);
  return Object.fromEntries(
    [...refused].map(([, name, value]) => [name, Number(value)] as const).filter(([, value]) => value > 0),
  );
}

function countBy(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}
