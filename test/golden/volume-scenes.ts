import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { scenarioStartMs, type ScenarioFlow } from "../engine/flow-scenario.js";
import { SeededRandom } from "../scenarios/seeded-random.js";

const minuteMs = 60_000;
/** After an hour without anything large. */
const atMs = scenarioStartMs + 60 * minuteMs;
/** A minute's worth for one host, and what is said beside it. */
export const burstBytes = 300_000_000;
const littleBytes = 1_000_000;
export const volumeHosts = ["10.9.0.10", "10.9.0.11", "10.9.0.12", "10.9.0.13"];

/** Each host sends to one place outside, one begins after the other. */
export const jointUpload = ofEach((host, index) =>
  transfers(host, "203.0.113.80", atMs + index * 2000, [burstBytes, littleBytes]),
);

/** The same to a server inside for four minutes. */
export const nightlyBackup = minutes(4).flatMap((startMs) =>
  ofEach((host) => transfers(host, "10.9.0.99", startMs, [burstBytes, littleBytes])),
);

/** Each host loads the same from one place. */
export const jointUpdate = ofEach((host) => transfers(host, "203.0.113.90", atMs, [littleBytes, burstBytes]));

/** One host that loads a film, and calls of all of them for forty minutes. */
export const ordinaryVolume = [
  ...transfers(volumeHosts[0], "203.0.113.91", atMs, [littleBytes, 10 * burstBytes]),
  ...minutes(40).flatMap((startMs) =>
    ofEach((host, index) => transfers(host, `203.0.113.${index}`, startMs, [40_000_000, 40_000_000])),
  ),
];

function ofEach(flowsOf: (host: string, index: number) => ScenarioFlow[]): ScenarioFlow[] {
  return volumeHosts.flatMap(flowsOf);
}

function minutes(count: number): number[] {
  return Array.from({ length: count }, (_, minute) => atMs + minute * minuteMs);
}

/** What a host sends to a place within one minute and gets back, in ten flows. */
function transfers(
  source: string,
  destination: string,
  startMs: number,
  [forwardBytes, reverseBytes]: readonly [number, number],
): ScenarioFlow[] {
  const random = new SeededRandom(7);
  return Array.from({ length: 10 }, (_, index) => ({
    source,
    destination,
    port: 443,
    sourcePort: 41_000 + index,
    timeMs: startMs + random.below(20_000),
    durationMs: 20_000,
    outcome: Outcome.answered,
    forwardPackets: 1000,
    reversePackets: 1000,
    forwardBytes: forwardBytes / 10,
    reverseBytes: reverseBytes / 10,
  }));
}
