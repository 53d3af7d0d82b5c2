import { jetstreamManager } from "@nats-io/jetstream";
import { NatsFlowSource } from "@picket/correlator/adapters/nats/nats-flow-source.js";
import type { NatsLink } from "@picket/correlator/adapters/nats/nats-link.js";
import { appliedBatchOf } from "@picket/correlator/flows/batch-context.js";
import { Correlator } from "@picket/correlator/pipeline.js";
import { FlowBatch } from "@picket/proto/generated/picket/v1/flow.js";
import { afterEach, beforeEach, expect, it } from "vitest";
import { memoryPorts } from "../engine/memory-ports.js";
import { startNats } from "../servers/nats-server.js";
import type { NatsProcess } from "../servers/nats-server.js";
import { connectedLink, encodedBatch, publishBatch, until } from "./correlator-nats-fixture.js";

const dayUs = 86_400_000_000n;
let nats: NatsProcess;
let link: NatsLink;

beforeEach(async () => {
  nats = await startNats();
  link = await connectedLink(nats.url, "sensors");
});

afterEach(async () => {
  await link.stop();
  await nats.stop();
});

/** A good batch of three records, changed. */
function spoilt(spoil: (batch: FlowBatch) => void): Uint8Array {
  const batch = FlowBatch.decode(encodedBatch(1, 3));
  spoil(batch);
  return FlowBatch.encode(batch).finish();
}

/** What no sensor of ours sends, with the reason by which it is counted; its clock may be unknown. */
const bad: readonly [reason: string, bytes: () => Uint8Array, sentUs?: number][] = [
  ["column-length", () => spoilt((batch) => (batch.traits = Buffer.alloc(0)) && (batch.trait = []))],
  ["column-length", () => spoilt((batch) => (batch.ports = batch.ports.subarray(4)))],
  ["address-index", () => spoilt((batch) => (batch.destination[2] = 4000))],
  ["addresses", () => spoilt((batch) => (batch.addresses = Buffer.alloc(7)))],
  ["counter-range", () => spoilt((batch) => (batch.forwardBytes[2] = 2n ** 64n - 1n))],
  ["sequence", () => spoilt((batch) => (batch.sequence = 0n))],
  ["epoch", () => spoilt((batch) => (batch.epoch = Buffer.alloc(4)))],
  ["enum-value", () => spoilt((batch) => (batch.traits[1] = 6))],
  ["time-range", () => spoilt((batch) => (batch.startDeltaUs[0] = -batch.baseTimeUs))],
  ["time-spread", () => spoilt((batch) => (batch.startDeltaUs[2] = 40n * dayUs))],
  ["time-ahead", () => spoilt((batch) => (batch.baseTimeUs += 40n * dayUs)), 0],
  ["count", () => spoilt((batch) => (batch.nameLength = Array.from({ length: 513 }, () => 1)))],
  ["count", () => withRecords(20_000)],
  ["truncated", () => encodedBatch(1, 3).subarray(0, 60)],
];

/** Claims so many flows, in as few bytes as that takes. */
function withRecords(count: number): Uint8Array {
  return spoilt((batch) => {
    batch.source = Array.from({ length: count }, () => 0);
    batch.destination = Array.from({ length: count }, () => 0);
  });
}

it("a batch of a million flows does not get past the server", async () => {
  await expect(publishBatch(link.current(), "bad", withRecords(500_000))).rejects.toThrow("maximum");
  const { state } = await (await jetstreamManager(link.current())).streams.info("FLOWS");
  expect(state.messages).toBe(0);
});

it("bad batches are counted by reason, set aside and never applied in part", async () => {
  const ports = memoryPorts();
  const correlator = new Correlator(ports, { owner: "correlator-1", seed: 1 });
  const source = new NatsFlowSource(link, { accounts: ports.sensors });
  void source.run(async (deliveries) => {
    await correlator.applyDeliveries(deliveries, Date.now());
    await ports.sensors.recordApplied(deliveries.map(appliedBatchOf));
    for (const delivery of deliveries) delivery.acknowledge();
  });
  try {
    for (const [, bytes, sentUs] of bad) await publishBatch(link.current(), "bad", bytes(), sentUs);
    await publishBatch(link.current(), "good", encodedBatch(1, 5));
    const isSettled = async (): Promise<boolean> => {
      const info = await (await jetstreamManager(link.current())).consumers.info("FLOWS", "correlators");
      return info.num_pending + info.num_ack_pending === 0;
    };
    await until("there is a consumer", () =>
      isSettled().then(
        () => true,
        () => false,
      ),
    );
    await until("all are acknowledged", isSettled);

    const expected: Record<string, number> = {};
    for (const [reason] of bad) expected[reason] = (expected[reason] ?? 0) + 1;
    const records = await ports.sensors.list(Date.now());
    const of = (name: string) => records.find((record) => record.name === name);
    expect(source.counters.batchesRejected).toEqual(expected);
    expect(of("bad")?.rejectedBatches).toEqual(expected);
    expect(of("bad")?.appliedRecords ?? 0).toBe(0);
    expect(of("good")?.appliedRecords).toBe(5);
    expect(correlator.counters()["flowsObserved"]).toBe(5);

    const manager = await jetstreamManager(link.current());
    const { state } = await manager.streams.info("REJECTED");
    expect(state.messages).toBe(bad.length);
    const kept = await manager.streams.getMessage("REJECTED", { seq: state.first_seq });
    expect(kept?.header.get("Picket-Reason")).toBe(bad[0][0]);
  } finally {
    await source.stop();
  }
}, 60_000);
