import type { FleetResult } from "./fleet-run.js";

/** Delays of the attacks that were told, milliseconds. */
export interface DelaySummary {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** By nearest rank; zeros when nothing was told. */
export function delaySummary({ attacks }: Pick<FleetResult, "attacks">): DelaySummary {
  const delays = attacks.flatMap(({ delayMs }) => delayMs ?? []).sort((a, b) => a - b);
  const rank = (share: number): number => delays[Math.max(0, Math.ceil(delays.length * share) - 1)] ?? 0;
  return { count: delays.length, p50Ms: rank(0.5), p99Ms: rank(0.99), maxMs: delays.at(-1) ?? 0 };
}

/** CPU of the system under test, without the simulator, in milliseconds a sensor and second. */
export function costOfSensor({ cpuSeconds, sensors, seconds }: FleetResult): number {
  const total = Object.entries(cpuSeconds).reduce(
    (sum, [name, used]) => sum + (name === "simulator" ? 0 : used),
    0,
  );
  return (total * 1000) / sensors / seconds;
}

/** The report for a person, as lines. */
export function fleetText(result: FleetResult): string[] {
  const { attacks, falseIncidents, seconds, cpuSeconds } = result;
  const delay = delaySummary(result);
  const megabytes = (result.redisBytes / 1e6).toFixed(1);
  return [
    `seed ${result.seed}: ${result.sensors} sensors, ${result.correlators} correlators, ${seconds.toFixed(0)} s`,
    `${result.flowsPerSecond.toFixed(0)} flows/s, ${result.recordsPerSecond.toFixed(0)} records/s in ` +
      `${result.batchesPerSecond.toFixed(0)} batches/s of ${result.bytesPerRecord.toFixed(1)} bytes a record, ` +
      `${result.recordsLost} lost; the simulator was late by ${result.lateMs} ms at most`,
    ...(result.isSettled ? [] : ["NOT SETTLED: the correlators had not taken in everything at the end"]),
    ...(result.watchFault === undefined ? [] : [`WATCH: ${result.watchFault}`]),
    "",
    "attack               found   delay  incidents",
    ...attacks.map(
      ({ name, isFound, delayMs, incidents }) =>
        `${name.padEnd(21)}${(isFound ? "yes" : "NO").padEnd(5)}${text(delayMs).padStart(8)}  ${incidents.join(", ")}`,
    ),
    ...result.leftOut.map((name) => `${name.padEnd(21)}left out of a fleet of this size`),
    ...falseIncidents.map(({ kind, severity, summary }) => `FALSE: ${kind} ${severity}: ${summary}`),
    "",
    `recall ${result.recall.toFixed(3)}, precision ${result.precision.toFixed(3)}, ` +
      `delay p50 ${delay.p50Ms} ms, p99 ${delay.p99Ms} ms, most ${delay.maxMs} ms (${delay.count} told)`,
    `CPU seconds: ${Object.entries(cpuSeconds)
      .map(([name, used]) => `${name} ${used.toFixed(2)}`)
      .join(", ")}; ${costOfSensor(result).toFixed(3)} ms a sensor and second without the simulator`,
    `Redis: ${megabytes} MB, ${result.redisKeys} keys, ${(result.redisBytes / result.sensors).toFixed(0)} bytes a sensor`,
  ];
}

/** The report for machines: one object a line, an attack or a false incident each, the summary last. */
export function fleetJson(result: FleetResult): string[] {
  const { attacks, falseIncidents, ...summary } = result;
  return [
    ...attacks.map((attack) => ({ type: "attack", ...attack })),
    ...falseIncidents.map((incident) => ({ type: "false_incident", ...incident })),
    { type: "summary", ...summary, delay: delaySummary(result), cpuMsPerSensorSecond: costOfSensor(result) },
  ].map((line) => JSON.stringify(line));
}

function text(delayMs: number | undefined): string {
  return delayMs === undefined ? "-" : `${delayMs} ms`;
}
