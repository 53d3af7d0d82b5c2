import { randomBytes } from "node:crypto";
import { jetstreamManager } from "@nats-io/jetstream";
import { MemorySensorRegistry } from "@picket/correlator/adapters/memory/memory-sensor-registry.js";
import { NatsFlowSource } from "@picket/correlator/adapters/nats/nats-flow-source.js";
import type { NatsFlowSourceOptions } from "@picket/correlator/adapters/nats/nats-flow-source.js";
import type { NatsLink } from "@picket/correlator/adapters/nats/nats-link.js";
import type { FlowDelivery } from "@picket/correlator/flows/flow-source.js";
import type { AppliedBatch } from "@picket/correlator/sensors/batch-account.js";
import { GapReason, GapRecord } from "@picket/proto/generated/picket/v1/flow.js";
import { jetstream } from "@nats-io/jetstream";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { startNats } from "../servers/nats-server.js";
import type { NatsProcess } from "../servers/nats-server.js";
import { connectedLink, encodedBatch, publishBatch, until } from "./correlator-nats-fixture.js";

let nats: NatsProcess;
let publisher: NatsLink;
const started: { stop(): Promise<void> }[] = [];

beforeEach(async () => {
  nats = await startNats();
  publisher = await connectedLink(nats.url, "publisher");
});

afterEach(async () => {
  for (const thing of started.splice(0).reverse()) await thing.stop();
  await publisher.stop();
  await nats.stop();
});

/** A source on a connection of its own, as another process would have it. */
async function startSource(
  onDeliveries: (deliveries: readonly FlowDelivery[]) => Promise<void>,
  options: Partial<NatsFlowSourceOptions> = {},
): Promise<NatsFlowSource> {
  const link = await connectedLink(nats.url, "source");
  const source = new NatsFlowSource(link, {
    accounts: new MemorySensorRegistry(),
    ...options,
  });
  started.push(link, source);
  void source.run(onDeliveries);
  return source;
}

function acknowledgeAll(deliveries: readonly FlowDelivery[]): Promise<void> {
  for (const delivery of deliveries) delivery.acknowledge();
  return Promise.resolve();
}

async function pendingOf(): Promise<number> {
  const manager = await jetstreamManager(publisher.current());
  const info = await manager.consumers.info("FLOWS", "correlators").catch(() => undefined);
  return info === undefined ? -1 : info.num_pending + info.num_ack_pending;
}

it("a stored batch is delivered with its sensor, times and flows", async () => {
  const seen: { sensor: string; flows: number; ingestMs: number; sentMs: number; sequence: number }[] = [];
  const source = await startSource((deliveries) => {
    for (const { sensor, columns, ingestMs, sentMs } of deliveries)
      seen.push({ sensor, flows: columns.length, ingestMs, sentMs, sequence: columns.sequence });
    return acknowledgeAll(deliveries);
  });
  const beforeMs = Date.now();
  await publishBatch(publisher.current(), "lab-01", encodedBatch(7, 3), 1_700_000_000_123_456);
  await until("it is delivered", () => seen.length === 1);
  expect(seen[0]).toMatchObject({ sensor: "lab-01", flows: 3, sequence: 7, sentMs: 1_700_000_000_123.456 });
  expect(Math.abs(seen[0].ingestMs - beforeMs)).toBeLessThan(2000);
  await until("it is acknowledged", async () => (await pendingOf()) === 0);
  expect(source.counters).toEqual({
    batchesReceived: 1,
    flowsReceived: 3,
    batchesRejected: {},
    rejectedNotKept: 0,
  });
});

it("a batch that cannot be read is set aside with the reason and holds up nothing", async () => {
  const seen: string[] = [];
  const source = await startSource((deliveries) => {
    seen.push(...deliveries.map(({ sensor }) => sensor));
    return acknowledgeAll(deliveries);
  });
  await publishBatch(publisher.current(), "bad", randomBytes(200));
  await publishBatch(publisher.current(), "bad", encodedBatch(1).subarray(0, 40));
  await publishBatch(publisher.current(), "good", encodedBatch(1));
  await until("the good one is delivered", () => seen.length === 1);
  await until("all are acknowledged", async () => (await pendingOf()) === 0);
  expect(seen).toEqual(["good"]);
  expect(Object.values(source.counters.batchesRejected).reduce((sum, count) => sum + count, 0)).toBe(2);
  const manager = await jetstreamManager(publisher.current());
  const kept = await manager.streams.getMessage("REJECTED", { last_by_subj: "picket.rejected.v1.bad" });
  expect(kept?.header.get("Picket-Reason")).not.toBe("");
  expect(kept?.data).toHaveLength(40);
});

it("a batch given back is delivered again", async () => {
  let deliveries = 0;
  await startSource(
    async (group) => {
      deliveries += group.length;
      if (deliveries === 1) group[0].retry();
      else await acknowledgeAll(group);
    },
    { retryDelayMs: 10 },
  );
  await publishBatch(publisher.current(), "lab-01", encodedBatch(1));
  await until("it came twice", () => deliveries === 2);
  await until("it is acknowledged", async () => (await pendingOf()) === 0);
});

it("two sources share the batches, each one once", async () => {
  const seen = [new Set<number>(), new Set<number>()];
  for (const sequences of seen) {
    await startSource(
      (deliveries) => {
        for (const { columns } of deliveries) sequences.add(columns.sequence);
        return acknowledgeAll(deliveries);
      },
      { groupMessagesMax: 4 },
    );
  }
  const epoch = randomBytes(16);
  const total = 400;
  for (let sequence = 1; sequence <= total; sequence++)
    await publishBatch(publisher.current(), "lab-01", encodedBatch(sequence, 1, epoch));
  await until("all are delivered", () => seen[0].size + seen[1].size >= total);
  expect(new Set([...seen[0], ...seen[1]]).size).toBe(total);
  expect(seen[0].size + seen[1].size).toBe(total);
  expect(Math.min(seen[0].size, seen[1].size)).toBeGreaterThan(0);
});

it("a source that dies with batches in hand leaves them to the other within seconds", async () => {
  const held: FlowDelivery[] = [];
  const doomed = await startSource((deliveries) => {
    held.push(...deliveries);
    return new Promise(() => {});
  });
  await publishBatch(publisher.current(), "lab-01", encodedBatch(1));
  await until("the first source has it", () => held.length === 1);
  const [link] = started.splice(0);
  await link.stop();
  void doomed;
  let taken = 0;
  await startSource((deliveries) => {
    taken += deliveries.length;
    return acknowledgeAll(deliveries);
  });
  const sinceMs = Date.now();
  await until("the other source has it", () => taken === 1, 12_000);
  expect(Date.now() - sinceMs).toBeLessThan(10_000);
});

it("a group that takes longer than the acknowledgement time is not delivered twice", async () => {
  let deliveries = 0;
  let finish = (): void => {};
  const hold = new Promise<void>((resolve) => (finish = resolve));
  await startSource(async (group) => {
    deliveries += group.length;
    await hold;
    await acknowledgeAll(group);
  });
  await startSource((group) => {
    deliveries += group.length;
    return acknowledgeAll(group);
  });
  await publishBatch(publisher.current(), "lab-01", encodedBatch(1));
  await until("one source has it", () => deliveries === 1);
  const sinceMs = Date.now();
  await until("twice the acknowledgement time is over", () => Date.now() - sinceMs > 7000);
  finish();
  await until("it is acknowledged", async () => (await pendingOf()) === 0);
  expect(deliveries).toBe(1);
});

it("reading goes on by itself after the server was killed", async () => {
  let taken = 0;
  await startSource((deliveries) => {
    taken += deliveries.length;
    return acknowledgeAll(deliveries);
  });
  await publishBatch(publisher.current(), "lab-01", encodedBatch(1));
  await until("the first one is delivered", () => taken === 1);
  await nats.kill();
  await nats.restart();
  await until("the publisher is back", () => publisher.isConnected);
  await publishBatch(publisher.current(), "lab-01", encodedBatch(2));
  await until("a later one is delivered", () => taken >= 2);
});

it("a gap record is counted and acknowledged", async () => {
  const accounts = new MemorySensorRegistry();
  await startSource(acknowledgeAll, { accounts });
  const gap = GapRecord.encode(
    GapRecord.fromPartial({
      epoch: randomBytes(16),
      firstSequence: 3n,
      lastSequence: 5n,
      records: 40n,
      reason: GapReason.GAP_REASON_SPOOL_FULL,
    }),
  ).finish();
  await jetstream(publisher.current()).publish("picket.gaps.v1.lab-02", gap);
  await until("it is counted", async () => (await accounts.list(0)).length === 1);
  expect(await accounts.list(0)).toMatchObject([{ name: "lab-02", lostRecords: 40 }]);
  await until("it is acknowledged", async () => (await pendingOf()) === 0);
});

it("everything is acknowledged until now when nothing is pending, else until the floor", async () => {
  let isHolding = false;
  const held: FlowDelivery[] = [];
  const source = await startSource((deliveries) => {
    if (isHolding) held.push(...deliveries);
    else return acknowledgeAll(deliveries);
    return Promise.resolve();
  });
  await publishBatch(publisher.current(), "lab-01", encodedBatch(1));
  await until("the first one is acknowledged", async () => (await pendingOf()) === 0);
  const idleMs = await source.acknowledgedUntilMs();
  expect(Math.abs(Date.now() - idleMs)).toBeLessThan(2000);
  isHolding = true;
  await publishBatch(publisher.current(), "lab-01", encodedBatch(2));
  await until("the second one is in hand", () => held.length === 1);
  await until(
    "the look-up is fresh",
    async () => Date.now() - idleMs > 1500 && (await source.acknowledgedUntilMs()) >= idleMs,
  );
  const heldMs = await source.acknowledgedUntilMs();
  expect(heldMs).toBeLessThanOrEqual(held[0].ingestMs + 1);
  held[0].acknowledge();
  await until("the floor follows", async () => (await source.acknowledgedUntilMs()) > held[0].ingestMs);
});

it.each([-300_000, 300_000])("a clock of this machine that is %i ms off decides nothing", async (offMs) => {
  const trueNowMs = Date.now.bind(Date);
  const source = await startSource(acknowledgeAll);
  const clock = vi.spyOn(Date, "now").mockImplementation(() => trueNowMs() + offMs);
  try {
    await publishBatch(publisher.current(), "lab-01", encodedBatch(1));
    await until("it is acknowledged", async () => (await pendingOf()) === 0);
    const floors: number[] = [];
    await until("the floor follows the server's clock", async () => {
      const floorMs = await source.acknowledgedUntilMs();
      expect(floorMs).toBeLessThanOrEqual(trueNowMs());
      floors.push(floorMs);
      return floorMs > floors[0] + 2000;
    });
    expect(trueNowMs() - (floors.at(-1) ?? 0)).toBeLessThan(2000);
    expect(trueNowMs() - source.nowMs()).toBeLessThan(1000);
  } finally {
    clock.mockRestore();
  }
});

it("a first look at the floor, before there is a consumer, is no failure", async () => {
  const link = await connectedLink(nats.url, "early");
  started.push(link);
  const source = new NatsFlowSource(link, { accounts: new MemorySensorRegistry() });
  expect(await source.acknowledgedUntilMs()).toBe(0);
});

it("what cannot be used is counted by sensor and reason, once, and holds up nothing without REJECTED", async () => {
  const accounts = new MemorySensorRegistry();
  const seen: number[] = [];
  const source = await startSource(
    (deliveries) => {
      seen.push(...deliveries.map(({ columns }) => columns.sequence));
      return acknowledgeAll(deliveries);
    },
    { accounts },
  );
  const manager = await jetstreamManager(publisher.current());
  await manager.streams.delete("REJECTED");
  for (let i = 0; i < 40; i++) {
    await publishBatch(publisher.current(), "bad", randomBytes(300));
    await publishBatch(publisher.current(), "good", encodedBatch(i + 1));
  }
  await jetstream(publisher.current()).publish("picket.gaps.v1.bad", "no gap");
  const sinceMs = performance.now();
  await until("all are acknowledged", async () => (await pendingOf()) === 0);
  expect(performance.now() - sinceMs).toBeLessThan(5000);
  expect(seen).toHaveLength(40);
  const bad = (await accounts.list(0)).find(({ name }) => name === "bad");
  const { "gap-record": gaps, ...batches } = bad?.rejectedBatches ?? {};
  expect(gaps).toBe(1);
  expect(Object.values(batches).reduce((sum, count) => sum + count, 0)).toBe(40);
  const { batchesRejected, rejectedNotKept } = source.counters;
  expect(rejectedNotKept).toBe(41);
  expect(Object.values(batchesRejected).reduce((sum, count) => sum + count, 0)).toBe(41);
});

it("a batch that was set aside is no longer waited for", async () => {
  const applied: AppliedBatch[] = [];
  const accounts = new MemorySensorRegistry();
  await startSource(acknowledgeAll, {
    accounts: {
      recordApplied: (batches) => Promise.resolve(void applied.push(...batches)),
      recordGaps: (gaps) => accounts.recordGaps(gaps),
      recordRejected: (batches) => accounts.recordRejected(batches),
    },
  });
  const epoch = "ab".repeat(16);
  const publish = (id: string): Promise<unknown> =>
    jetstream(publisher.current()).publish("picket.flows.v1.lab-01", randomBytes(50), { msgID: id });
  await publish(`lab-01:${epoch}:17`);
  await publish(`lab-02:${epoch}:18`);
  await until("both are acknowledged", async () => (await pendingOf()) === 0);
  expect(applied).toMatchObject([{ sensor: "lab-01", epoch, sequence: 17, records: 0 }]);
});
