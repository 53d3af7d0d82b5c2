import { homedir, hostname, networkInterfaces } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import type { RunningApi } from "@picket/api/main.js";
import { runApi } from "@picket/api/main.js";
import { apiServingSchema } from "@picket/api/config.js";
import type { FlowColumns } from "@picket/proto/batch/flow-columns.js";

import { demoSourceCount } from "../local/demo-traffic.js";
import { EmbeddedCorrelator } from "../local/embedded-correlator.js";
import type { EmbeddedSource } from "../local/embedded-source.js";
import { FlowLog } from "../local/flow-log.js";
import type { LocalEngine } from "../local/local-engine.js";
import { openLocalEngine } from "../local/local-engine.js";
import { meteringSettings } from "../local/metering-settings.js";
import { replayFlowLog } from "../local/replay-flow-log.js";
import { exitCodes } from "./exit-codes.js";
import type { UpConfig } from "./up-config.js";
import type { UpOutput } from "./up-output.js";
import { upOutput } from "./up-output.js";

const statusEveryMs = 500;
const registryEveryMs = 2000;
const quietMs = 20_000;

/** What runs, so that it can be shown and stopped. */
interface Running {
  readonly engine: LocalEngine;
  readonly correlator: EmbeddedCorrelator;
  readonly source: EmbeddedSource;
  readonly api: RunningApi;
  readonly output: UpOutput;
  readonly config: UpConfig;
}

/**
 * Everything in one process until the signal aborts. What was started is
 * stopped in reverse, also when a later part cannot start. Throws PicketError
 * INTERFACE_UNKNOWN, CAPTURE_DENIED, ADDRESS_IN_USE, and FILE_UNREADABLE also
 * while another process uses the state folder.
 */
export async function upEmbedded(config: UpConfig, signal: AbortSignal): Promise<number> {
  const stops: (() => Promise<void>)[] = [];
  const output = upOutput(process.stdout);
  const failed = new AbortController();
  const ended = AbortSignal.any([signal, failed.signal]);
  try {
    const running = await startAll(config, output, ended, stops);
    greet(running);
    await Promise.all([showIncidents(running, ended), showStatus(running, ended)]);
    return exitCodes.done;
  } finally {
    failed.abort();
    output.close();
    for (const stop of stops.reverse()) await stop();
  }
}

async function startAll(
  config: UpConfig,
  output: UpOutput,
  signal: AbortSignal,
  stops: (() => Promise<void>)[],
): Promise<Running> {
  const stateFolder = stateFolderOf(config);
  const engine = await openLocalEngine({ stateFolder });
  stops.push(() => engine.close());
  const flowLog = stateFolder === undefined ? undefined : await openFlowLog(config, stateFolder);
  if (flowLog !== undefined) stops.push(() => flowLog.close());
  const correlator = new EmbeddedCorrelator(engine, flowLog, (message) =>
    output.say(`correlator: ${message}`),
  );
  const serving = apiServingSchema.parse({ logLevel: config.logLevel, listen: config.listen });
  const { incidents, policy, sensors, profiles } = engine;
  const api = await runApi(serving, { incidents, policy, sensors, profiles, now: () => Date.now() });
  stops.push(() => api.stop());
  void policy.watch((revision) => engine.correlator.setPolicy(revision), signal);
  const source = await openSource({ config, output }, engine, correlator, signal);
  for (const record of source.status(Date.now())) await sensors.recordStatus(record);
  await engine.correlator.readFleet();
  if (flowLog !== undefined)
    await replayFlowLog(flowLog, engine.correlator, Date.now(), (line) => output.say(line));
  correlator.start();
  stops.push(() => correlator.stop());
  await source.start();
  stops.push(() => source.stop());
  return { engine, correlator, source, api, output, config };
}

async function openSource(
  { config, output }: { readonly config: UpConfig; readonly output: UpOutput },
  engine: LocalEngine,
  correlator: EmbeddedCorrelator,
  signal: AbortSignal,
): Promise<EmbeddedSource> {
  const { policy } = await engine.policy.get();
  const onBatch = (sensor: string, columns: FlowColumns): void => correlator.offer(sensor, columns);
  if (config.demo) {
    const { DemoSource } = await import("../local/demo-source.js");
    return new DemoSource(config.demoSeed, meteringSettings(policy), onBatch);
  }
  const { LiveSource } = await import("../local/live-source.js");
  const source = new LiveSource(config.name || sensorNameOfHost(), config.interface, policy, {
    onBatch,
    onLost: (sensor, records, reason) => engine.recordLost(sensor, records, reason, Date.now()),
    onWarning: (line) => output.say(line),
  });
  void engine.policy.watch((revision) => source.setPolicy(revision.policy), signal);
  return source;
}

/** The host's name with what a sensor's name may not hold replaced. */
function sensorNameOfHost(): string {
  return (
    hostname()
      .replace(/[^A-Za-z0-9_-]/g, "-")
      .slice(0, 64) || "host"
  );
}

function openFlowLog(config: UpConfig, stateFolder: string): Promise<FlowLog> {
  const options = {
    folder: join(stateFolder, "flows"),
    bytesMax: config.flowLogMebibytesMax * 1024 ** 2,
    ageMaxMs: config.flowLogDaysMax * 86_400_000,
  };
  return FlowLog.open(options, Date.now());
}

/** The demo leaves nothing behind unless a folder is named. */
function stateFolderOf(config: UpConfig): string | undefined {
  if (config.state !== "") return config.state;
  if (config.demo) return undefined;
  if (process.getuid?.() === 0) return "/var/lib/picket";
  return join(process.env["XDG_STATE_HOME"] ?? join(homedir(), ".local", "state"), "picket");
}

function greet({ source, api, output, config }: Running): void {
  output.say(`picket is watching ${source.name} and serves gRPC on ${api.address}`);
  if (config.demo)
    output.say(
      "ten sources are about to share one sweep of eight hosts; no host sees more than three of them",
    );
  output.say(`query it from another terminal: npx picket incidents list${serverFlag(api.address)}`);
}

function serverFlag(address: string): string {
  return address === "127.0.0.1:50061" ? "" : ` --server ${address}`;
}

/** Prints every change that a person should hear of, and what became of others, until the signal aborts. */
async function showIncidents({ engine, output, api, config }: Running, signal: AbortSignal): Promise<void> {
  let isFound = !config.demo;
  for await (const item of engine.incidents.watch("", signal)) {
    if (item.kind !== "event") continue;
    const { type, incident, notify } = item.event;
    if (!notify && type !== "merged" && type !== "retracted") continue;
    output.incident(type, incident);
    if (isFound || incident.sourceCount < demoSourceCount) continue;
    isFound = true;
    output.say(`all ${demoSourceCount} sources in one incident; look at it closely from another terminal:`);
    output.say(`    npx picket incidents show ${incident.id}${serverFlag(api.address)}`);
  }
}

/** Keeps the live line and the registry current; after 20 quiet seconds it says how to see something. */
async function showStatus(running: Running, signal: AbortSignal): Promise<void> {
  const startedMs = Date.now();
  let registryMs = 0;
  let isHinted = false;
  while (!signal.aborted) {
    const nowMs = Date.now();
    const records = running.source.status(nowMs);
    if (nowMs - registryMs >= registryEveryMs) {
      registryMs = nowMs;
      for (const record of records) await running.engine.sensors.recordStatus(record);
    }
    const { incidents } = await running.engine.incidents.list({});
    running.output.status({
      packetsPerSecond: sum(records, (record) => record.packetsPerSecond),
      packetsDropped: sum(records, (record) => record.counters["packets_dropped_kernel"] ?? 0),
      sensors: records.length,
      flows: running.correlator.counters.flowsReceived,
      incidents: incidents.length,
    });
    if (!isHinted && incidents.length === 0 && nowMs - startedMs >= quietMs) {
      isHinted = true;
      running.output.say(quietHint(running.source.name));
    }
    await wait(statusEveryMs, undefined, { signal }).catch(() => undefined);
  }
}

function sum<Item>(items: readonly Item[], valueOf: (item: Item) => number): number {
  return items.reduce((total, item) => total + valueOf(item), 0);
}

/** Something to copy that makes an incident: scans of one's own address pass the loopback only. */
function quietHint(interfaceName: string): string {
  if (interfaceName === "lo")
    return "quiet so far; to see something, in another terminal: nmap -sT -p 1-200 127.0.0.1";
  const own = networkInterfaces()[interfaceName]?.find((each) => each.family === "IPv4")?.address;
  const demo = "or see the demo: npx picket up --demo --listen 127.0.0.1:0";
  if (own === undefined) return `quiet so far; ${demo}`;
  return `quiet so far; to see something, from another machine: nmap -sT -p 1-200 ${own}; ${demo}`;
}
