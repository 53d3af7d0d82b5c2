import { describe, expect, it } from "vitest";
import { buildReviewChange } from "@picket/correlator/adapters/memory/incident-fixture.js";
import { MemoryLeases } from "@picket/correlator/adapters/memory/memory-leases.js";
import type { ReviewChange } from "@picket/correlator/incidents/incident-review.js";
import type { Incident, IncidentEvent } from "@picket/correlator/incidents/incident.js";
import { Correlator, type CorrelatorPorts } from "@picket/correlator/pipeline.js";
import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { deliveryOf, packFlows, scenarioStartMs, type ScenarioFlow } from "./flow-scenario.js";
import { memoryPorts } from "./memory-ports.js";
import { sharedSweep } from "./scenarios.js";

const startMs = scenarioStartMs + 60_000;
const sliceEndMs = scenarioStartMs + 600_000;

/** Correlators in slow motion: batches and ticks when the test says so. */
class Bench {
  nowMs = startMs;
  private leaseMs = 0;
  readonly ports: CorrelatorPorts = { ...memoryPorts(), leases: new MemoryLeases(() => this.leaseMs) };
  readonly events: IncidentEvent[] = [];
  private sequence = 0;

  constructor() {
    const commit = this.ports.incidents.commit.bind(this.ports.incidents);
    this.ports.incidents.commit = (events, fence) => {
      this.events.push(...events);
      return commit(events, fence);
    };
  }

  correlator(owner: string): Correlator {
    return new Correlator(this.ports, { owner });
  }

  async apply(correlator: Correlator, flows: readonly ScenarioFlow[], sensor = "a"): Promise<void> {
    const [batch] = packFlows(flows, sensor, flows.length);
    batch.columns.sequence = ++this.sequence;
    await correlator.applyDeliveries([deliveryOf(batch)], this.nowMs);
  }

  async tick(correlator: Correlator, watermarkMs = 0): Promise<void> {
    this.nowMs += 1500;
    this.leaseMs += 1500;
    await correlator.tick(watermarkMs, this.nowMs);
  }

  types(): string[] {
    return this.events.map(({ type, incident }) => `${type} ${incident.kind}`);
  }
}

const probes = (hosts: number, outcome: Outcome = Outcome.refused): ScenarioFlow[] =>
  Array.from({ length: hosts }, (_, host) => ({
    source: "203.0.113.9",
    destination: `10.1.0.${1 + host}`,
    port: 22,
    timeMs: startMs + host * 100,
    outcome,
  }));

describe("a provisional incident", () => {
  it("is told at once, grows, and is confirmed under the same id", async () => {
    const bench = new Bench();
    const correlator = bench.correlator("one");
    await bench.apply(correlator, probes(7));
    await bench.tick(correlator);
    expect(bench.types()).toEqual(["opened horizontal_scan"]);
    expect(bench.events[0].incident).toMatchObject({
      confirmation: "provisional",
      contactCount: 7,
      revision: 1,
    });
    await bench.apply(correlator, probes(30), "b");
    await bench.tick(correlator);
    await bench.tick(correlator);
    expect(bench.types()).toEqual(["opened horizontal_scan", "updated horizontal_scan"]);
    expect(bench.events[1]).toMatchObject({
      notify: true,
      incident: { severity: "medium", contactCount: 30 },
    });
    await bench.tick(correlator, sliceEndMs);
    await bench.tick(correlator, sliceEndMs);
    expect(bench.types().slice(2)).toEqual(["confirmed horizontal_scan"]);
    expect(new Set(bench.events.map(({ incident }) => incident.id)).size).toBe(1);
  });

  it("is retracted with the reason when its closed slices do not confirm it", async () => {
    const bench = new Bench();
    const correlator = bench.correlator("one");
    await bench.apply(correlator, probes(9));
    await bench.tick(correlator);
    await bench.apply(correlator, probes(9, Outcome.answered), "b");
    await bench.tick(correlator, sliceEndMs);
    await bench.tick(correlator, sliceEndMs);
    expect(bench.types()).toEqual(["opened horizontal_scan", "retracted horizontal_scan"]);
    expect(bench.events[1].incident).toMatchObject({
      state: "retracted",
      retractReason: "its closed windows did not confirm it",
    });
  });

  it("keeps its first id while other findings of the same job join it", async () => {
    const bench = new Bench();
    const correlator = bench.correlator("one");
    const byPort = (port: number): ScenarioFlow[] => sharedSweep().filter((flow) => flow.port === port);
    for (const port of [3389, 23, 21]) {
      await bench.apply(correlator, byPort(port), `sensor-${port}`);
      await bench.tick(correlator);
    }
    await bench.tick(correlator);
    expect(new Set(bench.events.map(({ incident }) => incident.id)).size).toBe(1);
    expect(bench.events[bench.events.length - 1].incident).toMatchObject({
      kind: "distributed_scan",
      sourceCount: 10,
      portCount: 3,
    });
  });
});

describe("the incident that others of its job are merged into", () => {
  /** Ten sources take turns on three ports of eight hosts; each port alone is found before they overlap. */
  const turnsOn = (ports: readonly number[]): ScenarioFlow[] =>
    Array.from({ length: 24 }, (_, turn) => ({
      source: `203.0.113.${20 + (turn % 10)}`,
      destination: `10.1.0.${1 + Math.floor(turn / 3)}`,
      port: ports[turn % 3],
      timeMs: startMs + turn * 100,
      outcome: Outcome.refused,
    }));

  it.each([
    [22, 445, 3389],
    [21, 23, 25],
    [5900, 8080, 8443],
  ])("leads before its slices close and after (ports %i, %i and %i)", async (...ports) => {
    const turns = turnsOn(ports);
    const bench = new Bench();
    const correlator = bench.correlator("one");
    await bench.apply(correlator, turns.slice(0, 15));
    await bench.tick(correlator);
    await bench.apply(correlator, turns.slice(15), "b");
    await bench.tick(correlator);
    const told = new Set(bench.events.map(({ incident }) => incident.id));
    expect(told.size).toBe(3);
    const [leader] = bench.events.filter(({ incident }) => incident.sourceCount === 10);
    await bench.tick(correlator, sliceEndMs);
    await bench.tick(correlator, sliceEndMs);
    const confirmed = bench.events.filter(({ incident }) => incident.confirmation === "confirmed");
    expect(new Set(confirmed.map(({ incident }) => incident.id))).toEqual(new Set([leader.incident.id]));
  });
});

describe("flows that come after their slice was closed", () => {
  it.each([true, false])("still count (provisional %s)", async (provisional) => {
    const bench = new Bench();
    const correlator = new Correlator(bench.ports, { owner: "one", provisional });
    await bench.tick(correlator, sliceEndMs);
    await bench.apply(correlator, probes(12));
    for (let round = 0; round < 3; round++) await bench.tick(correlator, sliceEndMs + round * 10_000);
    const [incident, ...others] = await bench.ports.incidents.loadAll();
    expect(others).toEqual([]);
    expect(incident).toMatchObject({ kind: "horizontal_scan", confirmation: "confirmed", contactCount: 12 });
  });
});

describe("an incident that turns out to be part of another", () => {
  it("is told once to be merged, and keeps its id", async () => {
    const bench = new Bench();
    const correlator = bench.correlator("one");
    const flow = (source: number, host: number, port: number): ScenarioFlow => ({
      source: `203.0.${source}.9`,
      destination: `10.1.0.${host}`,
      port,
      timeMs: startMs + source * 100 + host,
      outcome: Outcome.refused,
    });
    const sources = (from: number, to: number, port: number): ScenarioFlow[] =>
      Array.from({ length: to - from }, (_, index) => flow(from + index, 1 + index, port));
    await bench.apply(correlator, [...sources(0, 5, 22), ...sources(5, 10, 445)]);
    await bench.tick(correlator);
    expect(bench.types()).toEqual(["opened distributed_scan", "opened distributed_scan"]);
    await bench.apply(correlator, [...sources(0, 10, 3389)], "b");
    for (let round = 0; round < 4; round++) await bench.tick(correlator);
    const merged = bench.events.filter(({ type }) => type === "merged");
    expect(merged).toHaveLength(1);
    const active = (await bench.ports.incidents.loadAll()).filter(({ state }) => state !== "merged");
    expect(active).toHaveLength(1);
    expect(active[0]).toMatchObject({ id: merged[0].incident.mergedInto, sourceCount: 10, portCount: 3 });
  });
});

describe("the grouping", () => {
  it("goes on at another correlator when its holder dies, and tells nothing twice", async () => {
    const bench = new Bench();
    const first = bench.correlator("one");
    const second = bench.correlator("two");
    await bench.apply(first, probes(7));
    await bench.tick(first);
    for (let round = 0; round < 3; round++) await bench.tick(second);
    expect(bench.types()).toEqual(["opened horizontal_scan"]);
    await bench.apply(second, probes(40), "b");
    for (let round = 0; round < 3; round++) await bench.tick(second);
    expect(bench.types()).toEqual(["opened horizontal_scan", "updated horizontal_scan"]);
    await bench.tick(second, sliceEndMs);
    await bench.tick(second, sliceEndMs);
    expect(bench.types().slice(2)).toEqual(["confirmed horizontal_scan"]);
    expect(new Set(bench.events.map(({ incident }) => incident.id)).size).toBe(1);
  });

  it("takes nothing from a holder whose lease went to another", async () => {
    const bench = new Bench();
    const first = bench.correlator("one");
    const second = bench.correlator("two");
    await bench.tick(first);
    for (let round = 0; round < 3; round++) await bench.tick(second);
    await bench.apply(first, probes(7));
    await first.tick(0, bench.nowMs + 10);
    await bench.tick(second);
    expect(bench.events.filter(({ type }) => type === "opened")).toHaveLength(1);
    expect((await bench.ports.incidents.loadAll()).length).toBe(1);
  });
});

describe("what people said of an incident", () => {
  const review = (bench: Bench, fields: Partial<ReviewChange>): Promise<Incident | undefined> =>
    bench.ports.incidents.review(buildReviewChange({ id: bench.events[0].incident.id, ...fields }));
  const stored = (bench: Bench): Promise<Incident | undefined> =>
    bench.ports.incidents.get(bench.events[0].incident.id);

  it("stays while it grows, goes to another correlator and is confirmed", async () => {
    const bench = new Bench();
    const [first, second] = [bench.correlator("one"), bench.correlator("two")];
    await bench.apply(first, probes(7));
    await bench.tick(first);
    const acknowledged = await review(bench, { note: "mine" });
    await bench.apply(first, probes(30), "b");
    for (let round = 0; round < 2; round++) await bench.tick(first);
    expect(await stored(bench)).toMatchObject({ contactCount: 30, revision: 3 });
    for (let round = 0; round < 3; round++) await bench.tick(second);
    await review(bench, { action: "annotate", note: "asked", requestId: "r-2" });
    for (let round = 0; round < 2; round++) await bench.tick(second, sliceEndMs);
    const incident = await stored(bench);
    expect(incident).toMatchObject({ confirmation: "confirmed", state: "growing", revision: 5 });
    expect(incident?.review).toMatchObject({
      acknowledgement: acknowledged?.review.acknowledgement,
      notes: [{ text: "mine" }, { text: "asked" }],
    });
    expect(bench.types()).toEqual(
      ["opened", "updated", "confirmed"].map((type) => `${type} horizontal_scan`),
    );
  });

  it("ends with the reopening of an incident that goes on, except for the notes", async () => {
    const bench = new Bench();
    const [first, second] = [bench.correlator("one"), bench.correlator("two")];
    await bench.apply(first, probes(7));
    await bench.tick(first);
    await review(bench, {});
    await review(bench, { action: "close", note: "announced", requestId: "r-2" });
    for (let round = 0; round < 3; round++) await bench.tick(second);
    expect((await stored(bench))?.state).toBe("closed");
    await bench.apply(second, probes(30), "b");
    for (let round = 0; round < 2; round++) await bench.tick(second);
    const incident = await stored(bench);
    expect(incident).toMatchObject({
      state: "reopened",
      contactCount: 30,
      review: { notes: [{ text: "announced" }] },
    });
    expect(incident?.review.acknowledgement).toBeUndefined();
  });

  it("goes with it when it is confirmed under another id", async () => {
    const bench = new Bench();
    const correlator = bench.correlator("one");
    const turns = sharedSweep();
    for (const port of [3389, 23, 21]) {
      await bench.apply(
        correlator,
        turns.filter((flow) => flow.port === port),
        `sensor-${port}`,
      );
      await bench.tick(correlator);
    }
    await bench.tick(correlator);
    const acknowledged = await review(bench, { note: "mine" });
    for (let round = 0; round < 3; round++) await bench.tick(correlator, sliceEndMs);
    const { incidents } = await bench.ports.incidents.list({});
    expect(incidents).toMatchObject([{ confirmation: "confirmed", kind: "distributed_scan" }]);
    expect(incidents[0].review).toEqual(acknowledged?.review);
    expect(incidents[0].id).not.toBe(acknowledged?.id);
  });

  it("leaves it closed when its slices close and nothing more was seen", async () => {
    const bench = new Bench();
    const correlator = bench.correlator("one");
    await bench.apply(correlator, probes(12));
    await bench.tick(correlator);
    await review(bench, { action: "close" });
    for (let round = 0; round < 3; round++) await bench.tick(correlator, sliceEndMs);
    expect(await stored(bench)).toMatchObject({ state: "closed", confirmation: "confirmed" });
  });
});
