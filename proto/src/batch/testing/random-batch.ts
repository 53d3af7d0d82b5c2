import * as fc from "fast-check";
import { FlowBatchBuilder } from "../flow-batch-builder.js";
import { batchRecordsMax, type FlowColumns } from "../flow-columns.js";
import { arpFields, flowFields } from "./batch-content.js";

const safeMax = Number.MAX_SAFE_INTEGER;

/** Most values of the columns of `flowFields` before the times, then of those of `arpFields`. */
const flowValuesMax = [0xffff, 0xffff, 0xff, 5, 5, 3, 6, 1, 1, 1, 3, 6, 0xff, 0xff] as const;
const arpValuesMax = [3, 1, 1, 1] as const;

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const host = fc.integer({ min: 0, max: 40 }).map((last) => 0x0a00_0000 + last);
const address = fc.oneof(
  { weight: 3, arbitrary: host.map((ipv4) => [0, 0, 0xffff, ipv4]) },
  fc.tuple(word, word, word, word),
);
const counter = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  fc.maxSafeNat(),
);
const time = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 2_000_000_000 }).map((us) => 1.76e15 + us) },
  fc.integer({ min: 1, max: safeMax }),
);
const fingerprint = fc.oneof(
  fc.integer({ min: 0, max: 5 }).map((mss) => Uint8Array.of(64, 0, 250, 240, 5, mss, 7, 0, 0x24, 0x83, 0, 0)),
  fc.uint8Array({ minLength: 12, maxLength: 12 }).map((bytes) => {
    bytes[1] &= 3;
    return bytes;
  }),
);
const nameCharacters = [..."abcdefghijklmnopqrstuvwxyz0123456789-_.*"];
const name = fc.oneof(
  fc.constantFrom("updates.example.net", "www.example.org", "a"),
  fc.string({ unit: fc.constantFrom(...nameCharacters), minLength: 1, maxLength: 253 }),
);

const flow = fc.record({
  kind: fc.constant("flow" as const),
  source: address,
  destination: address,
  small: values(flowValuesMax),
  startUs: time,
  durationUs: counter,
  counters: fc.array(counter, { minLength: 4, maxLength: 4 }),
  fingerprint: fc.option(fingerprint),
  name: fc.option(name),
  isPlain: fc.boolean(),
});
const arp = fc.record({
  kind: fc.constant("arp" as const),
  sender: host,
  target: host,
  senderMac: fc.tuple(fc.integer({ min: 0, max: 0xffff }), fc.oneof(word, fc.constantFrom(1, 2))),
  targetMac: fc.oneof(fc.constant([0, 0]), fc.tuple(fc.constant(2), word)),
  small: values(arpValuesMax),
  startUs: time,
  durationUs: counter,
  packets: counter,
});
type Flow = typeof flow extends fc.Arbitrary<infer Value> ? Value : never;
type Arp = typeof arp extends fc.Arbitrary<infer Value> ? Value : never;

/** Batches of flow and ARP records, some of only one kind, with every value a decoder accepts. */
export const randomBatch: fc.Arbitrary<FlowColumns> = fc
  .tuple(
    fc.oneof(
      { weight: 3, arbitrary: records(fc.oneof({ weight: 3, arbitrary: flow }, arp)) },
      records(flow),
      records(arp),
    ),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    fc.integer({ min: 1, max: safeMax }),
  )
  .map(([rows, epoch, sequence]) => {
    const builder = new FlowBatchBuilder(batchRecordsMax, { seed: sequence });
    builder.columns.epoch.set(epoch);
    builder.columns.sequence = sequence;
    for (const row of rows) {
      if (row.kind === "flow") appendFlow(builder, row);
      else appendArp(builder, row);
    }
    return builder.columns;
  });

function records(record: fc.Arbitrary<Flow | Arp>): fc.Arbitrary<(Flow | Arp)[]> {
  return fc.array(record, { minLength: 1, maxLength: 60 });
}

function values(maxima: readonly number[]): fc.Arbitrary<number[]> {
  return fc.tuple(...maxima.map((max) => fc.integer({ min: 0, max })));
}

function appendFlow(builder: FlowBatchBuilder, record: Flow): void {
  const { columns } = builder;
  const { source: s, destination: d, startUs } = record;
  const row = builder.append(s[0], s[1], s[2], s[3], d[0], d[1], d[2], d[3]);
  const small = record.isPlain ? [0xffff, 80, 6, 5, 3, 3, 0, 0, 0, 0, 0, 0, 2, 0x12] : record.small;
  const endUs = Math.min(startUs + record.durationUs, safeMax);
  const all = [...small, startUs, endUs, ...record.counters];
  flowFields.forEach((field, at) => (columns[field][row] = all[at]));
  if (record.fingerprint !== null) builder.setFingerprint(row, record.fingerprint, 0);
  if (record.name !== null) builder.setName(row, Buffer.from(record.name), 0, record.name.length);
}

function appendArp(builder: FlowBatchBuilder, record: Arp): void {
  const { sender, target, senderMac, targetMac, startUs } = record;
  const row = builder.appendArp(sender, target, senderMac[0], senderMac[1], targetMac[0], targetMac[1]);
  const all = [...record.small, startUs, Math.min(startUs + record.durationUs, safeMax), record.packets];
  arpFields.forEach((field, at) => (builder.columns.arp[field][row] = all[at]));
}
