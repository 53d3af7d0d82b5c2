import { attackKinds } from "../scenarios/fleet-attacks.js";
import { incidentsOfBatches, arpBatches } from "../golden/arp-batches.js";
import { incidentsText } from "./analysis.js";
import { arpSpoofRecords } from "./arp-spoof-records.js";
import type { Check, Measured } from "./check.js";
import { runEventTimeFleet, type EventTimeFindings, type EventTimeFleet } from "./event-time-fleet.js";

const everyAttack = attackKinds.map(({ name }) => name);
const minuteMs = 60_000;
const delayMaxMs = 10_000;
const arpSensors = 8;

/** The simulator's fleet with its attacks, in event time. */
export const fleetChecks: readonly Check[] = [
  ...[1, 2, 3].map((seed) => fleetCheck({ seed, sensors: 100, runMs: 10 * minuteMs, stepMs: 250 })),
  {
    ...fleetCheck({
      seed: 4,
      sensors: 30,
      runMs: 180 * minuteMs,
      stepMs: 15_000,
      attacks: ["slow-scan", "mining"],
    }),
    isLong: true,
  },
  {
    name: `a host between gateway and victim, in the ARP records of ${arpSensors} sensors`,
    bar: "one `arp_spoof`",
    measure: measureArpSpoof,
  },
];

function fleetCheck(fleet: EventTimeFleet): Check {
  const attacks = fleet.attacks ?? everyAttack;
  return {
    name: `${fleet.sensors} sensors, ${fleet.runMs / minuteMs} minutes, ${attacks.length} attacks (seed ${fleet.seed})`,
    bar: `recall 1, precision 1, told within ${delayMaxMs / 1000} s`,
    measure: async () => measured(await runEventTimeFleet({ ...fleet, attacks })),
  };
}

function measured({ recall, precision, attacks, falseIncidents, flows }: EventTimeFindings): Measured {
  const delays = attacks.flatMap(({ delayMs }) => delayMs ?? []).sort((a, b) => a - b);
  const longestMs = delays.at(-1) ?? 0;
  const missed = attacks.filter(({ isFound }) => !isFound).map(({ name }) => name);
  return {
    figure: [
      `${flows.toLocaleString("en")} flows: recall ${recall.toFixed(2)}, precision ${precision.toFixed(2)}`,
      `half told within ${seconds(delays[delays.length >> 1] ?? 0)}, all within ${seconds(longestMs)}`,
      ...(missed.length === 0 ? [] : [`missed ${missed.join(", ")}`]),
      ...(falseIncidents.length === 0 ? [] : [`told in error: ${incidentsText(falseIncidents)}`]),
    ].join("; "),
    isKept: recall === 1 && precision === 1 && longestMs <= delayMaxMs,
  };
}

async function measureArpSpoof(): Promise<Measured> {
  const { records, isHeardBy } = arpSpoofRecords();
  const incidents = await incidentsOfBatches(arpBatches(records, arpSensors, isHeardBy));
  return {
    figure: incidentsText(incidents),
    isKept: incidents.length === 1 && incidents[0].kind === "arp_spoof",
  };
}

/** Rounded up: a tenth of a second follows from how batches and evaluations happen to meet. */
function seconds(ms: number): string {
  return `${Math.max(1, Math.ceil(ms / 1000))} s`;
}
