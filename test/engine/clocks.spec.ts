import { Correlator } from "@picket/correlator/pipeline.js";
import type { Incident } from "@picket/correlator/incidents/incident.js";
import type { FlowDelivery } from "@picket/correlator/flows/flow-source.js";
import { contactSliceMs } from "@picket/correlator/windows/window-store.js";
import { describe, expect, it } from "vitest";
import { SeededRandom } from "../scenarios/seeded-random.js";
import { packFlows, scenarioStartMs, type ScenarioFlow } from "./flow-scenario.js";
import { memoryPorts } from "./memory-ports.js";
import { activeIncidents } from "./run-engine.js";
import { benignMix, dividedGrid, jointBurst, portScan, sharedSweep, slowSource } from "./scenarios.js";

const untilMs = scenarioStartMs + 3_600_000;
const flushMs = 2000;
const stepAtMs = scenarioStartMs + 150_000;
/** Clocks are corrected to whole seconds: what is nearer to a slice's edge may move over it. */
const edgeMs = 5000;
/** First and last seen may move by the dead zone, the rounding and the age of a batch. */
const shiftMaxMs = 2000 + 1000 + flushMs;

/** A sensor's clock: what it shows at a true time, milliseconds. */
type Clock = (trueMs: number) => number;

const right: Clock = (ms) => ms;
const clocks: Readonly<Record<string, readonly Clock[]>> = {
  "five minutes apart": [(ms) => ms + 150_000, (ms) => ms - 150_000, right],
  "just inside and outside of the dead zone": [(ms) => ms + 1900, (ms) => ms - 2100, right],
  "one stepped forward by an hour": [(ms) => (ms < stepAtMs ? ms : ms + 3_600_000), right, right],
  "one stepped back by an hour": [(ms) => (ms < stepAtMs ? ms + 3_600_000 : ms), right, right],
  "one that stands still": [() => scenarioStartMs, right, right],
  "a day ahead": [(ms) => ms + 86_400_000, right, right],
};

/** A batch on its way: when it arrives, and as what. */
interface Arrival {
  readonly ingestMs: number;
  readonly delivery: FlowDelivery;
}

/** Keeps events off the edges of slices. */
function offEdges(flow: ScenarioFlow): ScenarioFlow {
  const intoSlice = flow.timeMs % contactSliceMs;
  const timeMs =
    intoSlice < edgeMs
      ? flow.timeMs + edgeMs
      : intoSlice > contactSliceMs - edgeMs
        ? flow.timeMs - edgeMs
        : flow.timeMs;
  return { ...flow, timeMs };
}

/** What one sensor sends: batches of at most two seconds, none over a step of its clock. */
function sendAll(flows: readonly ScenarioFlow[], sensor: string, clock: Clock, seed: number): Arrival[] {
  const random = new SeededRandom(seed);
  const rounds = new Map<number, ScenarioFlow[]>();
  for (const flow of flows) {
    const round = Math.floor(flow.timeMs / flushMs);
    rounds.set(round, [...(rounds.get(round) ?? []), flow]);
  }
  return [...rounds].flatMap(([round, group]) =>
    packFlows(
      group.map((flow) => ({ ...flow, timeMs: clock(flow.timeMs) })),
      sensor,
      200,
    ).map((batch, index): Arrival => {
      const sentMs = (round + 1) * flushMs - 1;
      const ingestMs = sentMs + random.below(400);
      batch.columns.sequence = round * 100 + index;
      const settled = { acknowledge: () => undefined, retry: () => undefined };
      return { ingestMs, delivery: { ...batch, ...settled, ingestMs, sentMs: clock(sentMs) } };
    }),
  );
}

/** Applies batches as they arrive, the watermark 60 s behind; the incidents and counters at the end. */
async function run(
  arrivals: readonly Arrival[],
): Promise<{ incidents: Incident[]; counters: Record<string, number> }> {
  const ports = memoryPorts();
  const correlator = new Correlator(ports, { owner: "only", seed: 1 });
  const inOrder = [...arrivals].sort((a, b) => a.ingestMs - b.ingestMs);
  let tickMs = inOrder[0].ingestMs;
  for (const { ingestMs, delivery } of inOrder) {
    for (; tickMs < ingestMs; tickMs += 1000) await correlator.tick(tickMs - 60_000, tickMs);
    await correlator.applyDeliveries([delivery], ingestMs);
  }
  for (let round = 0; round < 3; round++)
    await correlator.tick(untilMs, Math.max(untilMs, tickMs) + round * 2000);
  return { incidents: activeIncidents(await ports.incidents.loadAll()), counters: correlator.counters() };
}

/** Splits the flows over sensors by their destination, as hosts see what comes to them. */
function sensorsOf(flows: readonly ScenarioFlow[], count: number): ScenarioFlow[][] {
  const split: ScenarioFlow[][] = Array.from({ length: count }, () => []);
  for (const flow of flows) split[Number(flow.destination.split(".")[3]) % count].push(flow);
  return split;
}

function scans(seed: number): ScenarioFlow[] {
  return [
    ...benignMix(seed, 400),
    ...sharedSweep(seed),
    ...slowSource(seed),
    ...portScan(seed, 60),
    ...dividedGrid(seed),
  ].map(offEdges);
}

/** Everything but the times, which may move with the correction. */
function terms(incidents: readonly Incident[]): unknown[] {
  return incidents
    .filter(({ confirmation }) => confirmation === "confirmed")
    .map(({ id, kind, severity, sources, targets, ports }) => ({
      id,
      kind,
      severity,
      sources,
      targets,
      ports,
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

describe("confirmed incidents", () => {
  for (const [name, fleet] of Object.entries(clocks))
    it.each([31, 32, 33])(`are the same with clocks ${name} (seed %i)`, async (seed) => {
      const split = sensorsOf(scans(seed), fleet.length);
      const sent = (clockOf: (sensor: number) => Clock): Arrival[] =>
        split.flatMap((flows, i) => sendAll(flows, `sensor-${i}`, clockOf(i), seed + i));
      const expected = await run(sent(() => right));
      expect(terms(expected.incidents).length).toBeGreaterThanOrEqual(3);
      const found = await run(sent((i) => fleet[i]));
      expect(terms(found.incidents)).toEqual(terms(expected.incidents));
      const timesOf = new Map(expected.incidents.map((incident) => [incident.id, incident]));
      for (const { id, firstSeenMs, lastSeenMs } of found.incidents) {
        const known = timesOf.get(id);
        expect(Math.abs(firstSeenMs - (known?.firstSeenMs ?? 0))).toBeLessThanOrEqual(shiftMaxMs);
        expect(Math.abs(lastSeenMs - (known?.lastSeenMs ?? 0))).toBeLessThanOrEqual(shiftMaxMs);
      }
    });

  it("are the same when one sensor was frozen and sends everything ten minutes later", async () => {
    const split = sensorsOf(scans(41), 3);
    const sent = split.map((flows, i) => sendAll(flows, `sensor-${i}`, right, 41 + i));
    const expected = await run(sent.flat());
    const frozen = sent[0].map(({ ingestMs, delivery }): Arrival => {
      const lateMs = ingestMs + 600_000;
      return { ingestMs: lateMs, delivery: { ...delivery, ingestMs: lateMs, sentMs: lateMs - 50 } };
    });
    const found = await run([...frozen, ...sent[1], ...sent[2]]);
    expect(terms(found.incidents)).toEqual(terms(expected.incidents));
  });

  it("do not wait for a sensor that has nothing to say", async () => {
    const [first, second] = sensorsOf(scans(42), 2);
    const idle = sendAll(first.slice(0, 1), "sensor-0", right, 42);
    const found = await run([...idle, ...sendAll(second, "sensor-1", right, 43)]);
    expect(terms(found.incidents).length).toBeGreaterThan(0);
  });
});

describe("the backlog of an outage", () => {
  const late = (arrivals: readonly Arrival[]): Arrival[] =>
    arrivals.map(({ ingestMs, delivery }) => {
      const lateMs = ingestMs + 600_000;
      return { ingestMs: lateMs, delivery: { ...delivery, ingestMs: lateMs, sentMs: lateMs - 50 } };
    });

  it("counts in the windows made of sets and not in the rate series, and that is counted", async () => {
    const flows = [...jointBurst(7), ...sharedSweep(7).map(offEdges)];
    const live = sendAll(flows, "sensor-0", right, 7);
    // Another sensor goes on, so that the watermark does.
    const heard = sendAll(
      benignMix(8, 300).map((flow) => ({ ...flow, timeMs: flow.timeMs + 300_000 })),
      "sensor-1",
      right,
      8,
    );
    const [onTime, backlog] = [await run([...live, ...heard]), await run([...late(live), ...heard])];
    const kinds = ({ incidents }: { incidents: Incident[] }): string[] => incidents.map(({ kind }) => kind);
    expect(kinds(onTime)).toContain("cross_host_burst");
    expect(onTime.counters["startsLate"]).toBe(0);
    expect(kinds(backlog)).not.toContain("cross_host_burst");
    expect(kinds(backlog)).toEqual(
      expect.arrayContaining(kinds(onTime).filter((kind) => !/burst/.test(kind))),
    );
    expect(backlog.counters["startsLate"]).toBe(flows.length);
  });
});
