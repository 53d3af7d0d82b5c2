import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { connect } from "@nats-io/transport-node";
import { startNats } from "../servers/nats-server.js";
import { startRedis } from "../servers/redis-server.js";
import { median, rounded, type Benchmark, type BenchmarkOptions, type BenchmarkResult } from "./benchmark.js";
import { drainOnce, type DrainServers, type DrainTimes } from "./drain-run.js";
import { drainTraffic, fillFlows, rewindFlows, type FilledStream } from "./drain-stream.js";

const picket = fileURLToPath(new URL("../../../deploy/picket/bin.mjs", import.meta.url));
const floor = fileURLToPath(new URL("./drain-floor.js", import.meta.url));
const defaults = { flows: 1_000_000 };

/** Flows a second from a filled stream to incidents, 10 % of them failed first contacts. */
export const drainLab: Benchmark = {
  name: "drain-lab",
  summary: "flows a second, NATS to Redis, one correlator, 10 % new failed contacts",
  defaults,
  run: (options) => drain(options, 0.1),
};

/** The same where every flow is a new failed contact. */
export const drainAttack: Benchmark = {
  name: "drain-attack",
  summary: "flows a second, NATS to Redis, one correlator, all new failed contacts",
  defaults,
  run: (options) => drain(options, 1),
};

async function drain({ flows, runs }: BenchmarkOptions, failedShare: number): Promise<BenchmarkResult> {
  const nats = await startNats();
  const connection = await connect({ servers: nats.url });
  try {
    const filled = await fillFlows(connection, failedShare, flows);
    const correlator: DrainTimes[] = [];
    const peer: DrainTimes[] = [];
    for (let run = 0; run < runs; run++) {
      const redis = await startRedis();
      const servers = { nats, redis, connection };
      try {
        correlator.push(await runConsumer(servers, filled, correlatorCommand(servers)));
        peer.push(await runConsumer(servers, filled, [floor, nats.url]));
      } finally {
        await redis.stop();
      }
    }
    return resultOf(filled, correlator, peer);
  } finally {
    await connection.close();
    await nats.stop();
  }
}

async function runConsumer(
  servers: DrainServers,
  { batches }: FilledStream,
  command: readonly string[],
): Promise<DrainTimes> {
  await rewindFlows(servers.connection);
  return await drainOnce(servers, command, batches);
}

/** What the unit of the correlator gives its Node. */
const unitOptions = "--max-semi-space-size=64";

/** The real thing; PICKET_BENCH_NODE holds options for its Node, for example `--cpu-prof`. */
function correlatorCommand({ nats, redis }: DrainServers): string[] {
  const nodeOptions = (process.env["PICKET_BENCH_NODE"] ?? unitOptions)
    .split(" ")
    .filter((word) => word !== "");
  return [...nodeOptions, picket, "correlator", "--nats", nats.url, "--redis", redis.url];
}

function resultOf(
  filled: FilledStream,
  correlator: readonly DrainTimes[],
  peer: readonly DrainTimes[],
): BenchmarkResult {
  const ours = correlator.map(({ wallSeconds }) => filled.flows / wallSeconds);
  const floorRates = peer.map(({ wallSeconds }) => filled.flows / wallSeconds);
  return {
    metric: "flow records drained a second of wall time, from first pull to last acknowledgement",
    unit: "flows/s",
    measurements: [
      { label: "picket correlator", values: ours },
      { label: "pull and acknowledge", values: floorRates },
    ],
    value: rounded(median(ours)),
    peers: { floor: rounded(median(floorRates)) },
    ratio: { floor: rounded(median(ours) / median(floorRates)) },
    apart: cpuOf(correlator, filled.flows),
    runs: correlator.length,
    notes: notesOf(filled, correlator),
  };
}

/** Median CPU of each process, microseconds a flow. */
function cpuOf(times: readonly DrainTimes[], flows: number): Record<string, number> {
  const perFlow = (seconds: (times: DrainTimes) => number): number =>
    rounded((median(times.map(seconds)) / flows) * 1e6);
  return {
    correlatorUsPerFlow: perFlow((time) => time.consumerCpuSeconds),
    redisUsPerFlow: perFlow((time) => time.redisCpuSeconds),
    natsUsPerFlow: perFlow((time) => time.natsCpuSeconds),
  };
}

function notesOf({ flows, batches, bytes }: FilledStream, correlator: readonly DrainTimes[]): string[] {
  const seconds = (values: readonly number[]): string => rounded(median(values)).toString();
  return [
    `${flows} flows in ${batches} batches, ${rounded(bytes / flows)} bytes a flow; ${drainTraffic}`,
    `CPU seconds: correlator ${seconds(correlator.map((time) => time.consumerCpuSeconds))}, ` +
      `redis ${seconds(correlator.map((time) => time.redisCpuSeconds))}, ` +
      `nats ${seconds(correlator.map((time) => time.natsCpuSeconds))}`,
    `the correlator is one \`picket correlator\` process; load of the machine ${rounded(loadavg()[0])}`,
  ];
}
