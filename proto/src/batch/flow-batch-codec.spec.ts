import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FlowBatch } from "../generated/picket/v1/flow.js";
import { FlowBatchBuilder } from "./flow-batch-builder.js";
import { decodeFlowBatch, encodeFlowBatch, flowBatchErrors } from "./flow-batch-codec.js";
import { batchBytesMax, batchRecordsMax, FlowColumns, isIpv4Words } from "./flow-columns.js";

const seed = Number(process.env["PICKET_SEED"] ?? 20_260_101);
const safeMax = Number.MAX_SAFE_INTEGER;
const scratch = new Uint8Array(batchBytesMax);
const decoded = new FlowColumns();

/** One record as a plain value; the order of its fields is the order of `rowFields`. */
type Flow = readonly [source: string, destination: string, ...values: number[]];

const rowFields = [
  "sourcePort",
  "destinationPort",
  "protocol",
  "outcome",
  "endReason",
  "recordKind",
  "stealthKind",
  "oneSided",
  "upgrade",
  "forwardTcpFlags",
  "reverseTcpFlags",
  "startUs",
  "endUs",
  "forwardPackets",
  "reversePackets",
  "forwardBytes",
  "reverseBytes",
] as const;

describe("flow batch codec", () => {
  it("decodes what it encoded", () => {
    property((columns) => {
      expect(decodeFlowBatch(encodeFlowBatch(columns, scratch), decoded)).toBeUndefined();
      expect(decoded.epoch).toEqual(columns.epoch);
      expect(decoded.sequence).toBe(columns.sequence);
      expect(flowsOf(decoded)).toEqual(flowsOf(columns));
    });
  });

  it("writes the bytes that the generated code writes", () => {
    property((columns) => {
      const expected = FlowBatch.encode(generatedOf(columns)).finish();
      expect(Buffer.from(encodeFlowBatch(columns, scratch))).toEqual(Buffer.from(expected));
    });
  });

  it("is read by the generated code", () => {
    property((columns) => {
      expect(FlowBatch.decode(encodeFlowBatch(columns, scratch))).toEqual(generatedOf(columns));
    });
  });

  it("reads chunks, unpacked values, repeated scalars and unknown fields", () => {
    property((columns, noise) => {
      const bytes = writeOddly(generatedOf(columns), noise);
      expect(FlowBatch.decode(bytes)).toEqual(generatedOf(columns));
      expect(decodeFlowBatch(bytes, decoded)).toBeUndefined();
      expect(flowsOf(decoded)).toEqual(flowsOf(columns));
      expect(decoded.sequence).toBe(columns.sequence);
    });
  });

  it("accepts a batch without records", () => {
    const columns = new FlowBatchBuilder(10).columns;
    columns.sequence = 7;
    expect(decodeFlowBatch(encodeFlowBatch(columns, scratch), decoded)).toBeUndefined();
    expect(decoded.length).toBe(0);
  });

  it("refuses a scratch that is too small for the batch", () => {
    const [columns] = fc.sample(arbitraryColumns, { numRuns: 1, seed });
    expect(() => encodeFlowBatch(columns, new Uint8Array(20))).toThrow(RangeError);
  });

  it("refuses every truncation, or reads a shorter batch", () => {
    const random = seededRandom(seed);
    for (const columns of fc.sample(arbitraryColumns, { numRuns: 8, seed })) {
      const bytes = encodeFlowBatch(columns, scratch).slice();
      for (let length = 0; length < bytes.length; length++) expectCleanResult(bytes.slice(0, length), random);
    }
  });

  it("survives 100,000 mutations", { timeout: 60_000 }, () => {
    const random = seededRandom(seed);
    const originals = fc
      .sample(arbitraryColumns, { numRuns: 20, seed })
      .map((columns) => encodeFlowBatch(columns, scratch).slice());
    let accepted = 0;
    for (let round = 0; round < 100_000; round++) {
      const original = originals[round % originals.length];
      if (expectCleanResult(mutate(original, random), random, `seed ${seed}, mutation ${round}`)) accepted++;
    }
    expect(accepted).toBeGreaterThan(1000);
  });
});

describe("flow batch decoder", () => {
  const valid = (): FlowBatch => {
    const [columns] = fc.sample(arbitraryColumns, { numRuns: 1, seed });
    return generatedOf(columns);
  };
  const cases: [string, string, (batch: FlowBatch) => void][] = [
    ["a short epoch", "epoch", (batch) => (batch.epoch = Buffer.alloc(15))],
    ["sequence 0", "sequence", (batch) => (batch.sequence = 0n)],
    ["a sequence of 2^53", "sequence", (batch) => (batch.sequence = 2n ** 53n)],
    ["a missing port", "column-length", (batch) => (batch.ports = batch.ports.subarray(1))],
    ["a missing counter", "column-length", (batch) => void batch.reverseBytes.pop()],
    ["half an address", "addresses", (batch) => (batch.addresses = Buffer.alloc(7))],
    ["more IPv4 addresses than bytes", "addresses", (batch) => (batch.ipv4Count = 0xffff_ffff)],
    ["an address outside the table", "address-index", (batch) => (batch.source[0] = 4000)],
    ["an address outside any table", "address-index", (batch) => (batch.source[0] = 70_000)],
    ["outcome 6", "enum-value", (batch) => (batch.state[0] = 6)],
    ["flow end reason 7", "enum-value", (batch) => (batch.state[0] = 7 << 3)],
    ["stealth kind 7", "enum-value", (batch) => (batch.marks = Buffer.alloc(batch.protocol.length, 14))],
    ["time 0", "time-range", (batch) => (batch.startDeltaUs[0] = -batch.baseTimeUs)],
    ["a start in the far future", "time-range", (batch) => (batch.baseTimeUs = 2n ** 63n)],
    ["a flow that never ends", "time-range", (batch) => (batch.durationUs[0] = 2n ** 53n - 1n)],
    ["2^53 packets", "counter-range", (batch) => (batch.forwardPackets[0] = 2n ** 53n)],
    ["2^64 - 1 bytes", "counter-range", (batch) => (batch.reverseBytes[0] = 2n ** 64n - 1n)],
  ];
  it.each(cases)("refuses %s as %s", (_name, reason, spoil) => {
    const batch = valid();
    spoil(batch);
    expect(decodeFlowBatch(FlowBatch.encode(batch).finish(), decoded)).toBe(reason);
    expect(decoded.length).toBe(0);
  });

  it("refuses more records than the columns hold", () => {
    const bytes = FlowBatch.encode(valid()).finish();
    expect(decodeFlowBatch(bytes, new FlowColumns(1, 100))).toBe("count");
  });

  it("refuses a message that is too large before reading it", () => {
    expect(decodeFlowBatch(new Uint8Array(batchBytesMax + 1), decoded)).toBe("too-large");
  });

  it.each([
    ["an endless varint", "varint", [0x10, ...Array.from({ length: 11 }, () => 0xff)]],
    ["an endless tag", "varint", Array.from({ length: 11 }, () => 0x80)],
    ["field 0", "wire-type", [0x00, 0x01]],
    ["the end of no group", "wire-type", [0xfc, 0x01]],
    ["wire type 6", "wire-type", [0xfe, 0x01]],
    ["groups without end", "wire-type", Array.from({ length: 400 }, (_, at) => (at % 2 === 0 ? 0xfb : 0x01))],
    ["a length past the end", "truncated", [0x0a, 0xff, 0x01]],
  ])("refuses %s as %s", (_name, reason, bytes) => {
    expect(decodeFlowBatch(Uint8Array.from(bytes), decoded)).toBe(reason);
  });
});

const arbitraryAddress = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 40 }).map((host) => [0, 0, 0xffff, 0x0a00_0000 + host]) },
  fc.tuple(arbitraryWord(), arbitraryWord(), arbitraryWord(), arbitraryWord()),
);
const arbitraryCounter = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  fc.maxSafeNat(),
);
const arbitraryTime = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 2_000_000_000 }).map((us) => 1.76e15 + us) },
  fc.integer({ min: 1, max: safeMax }),
);
const arbitraryRow = fc.tuple(
  arbitraryAddress,
  arbitraryAddress,
  fc.tuple(...[0xffff, 0xffff, 0xff, 5, 5, 3, 6, 1, 1, 0xff, 0xff].map((max) => fc.integer({ min: 0, max }))),
  fc.tuple(arbitraryTime, arbitraryCounter),
  fc.array(arbitraryCounter, { minLength: 4, maxLength: 4 }),
  fc.boolean(),
);
const arbitraryColumns = fc
  .tuple(
    fc.array(arbitraryRow, { minLength: 1, maxLength: 60 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    fc.integer({ min: 1, max: safeMax }),
    fc.boolean(),
  )
  .map(([rows, epoch, sequence, isPlain]) => {
    const builder = new FlowBatchBuilder(batchRecordsMax, { seed });
    builder.columns.epoch.set(epoch);
    builder.columns.sequence = sequence;
    for (const [source, destination, small, [startUs, durationUs], counters] of rows) {
      const [s, d] = [source, destination];
      const row = builder.append(s[0], s[1], s[2], s[3], d[0], d[1], d[2], d[3]);
      const endUs = Math.min(startUs + durationUs, safeMax);
      const values = [...small, startUs, endUs, ...counters];
      rowFields.forEach((name, at) => (builder.columns[name][row] = values[at]));
      if (isPlain) clearMarks(builder.columns, row);
    }
    return builder.columns;
  });

function arbitraryWord(): fc.Arbitrary<number> {
  return fc.integer({ min: 0, max: 0xffff_ffff });
}

function clearMarks(columns: FlowColumns, row: number): void {
  for (const name of ["stealthKind", "oneSided", "upgrade", "forwardTcpFlags"] as const)
    columns[name][row] = 0;
}

function property(check: (columns: FlowColumns, noise: number) => void): void {
  fc.assert(fc.property(arbitraryColumns, fc.integer({ min: 0, max: 2 ** 31 }), check), {
    seed,
    numRuns: 150,
  });
}

function addressText(columns: FlowColumns, index: number): string {
  return columns.addressWords.subarray(index * 4, index * 4 + 4).join(".");
}

function flowsOf(columns: FlowColumns): Flow[] {
  return Array.from({ length: columns.length }, (_, row) => [
    addressText(columns, columns.sourceIndex[row]),
    addressText(columns, columns.destinationIndex[row]),
    ...rowFields.map((name) => columns[name][row]),
  ]);
}

/** The batch as the generated code's message: IPv4 addresses first, zero columns left out. */
function generatedOf(columns: FlowColumns): FlowBatch {
  const rows = Array.from({ length: columns.length }, (_, row) => row);
  const indices = Array.from({ length: columns.addressCount }, (_, index) => index);
  const isIpv4 = (index: number): boolean => isIpv4Words(columns.addressWords, index * 4);
  const order = [...indices.filter(isIpv4), ...indices.filter((index) => !isIpv4(index))];
  const bigints = (values: Float64Array): bigint[] => rows.map((row) => BigInt(values[row]));
  const bytes = (of: (row: number) => number): Buffer => Buffer.from(rows.map(of));
  const optional = (column: Buffer): Buffer =>
    column.every((byte) => byte === 0) ? Buffer.alloc(0) : column;
  const c = columns;
  return {
    epoch: Buffer.from(c.epoch),
    sequence: BigInt(c.sequence),
    baseTimeUs: BigInt(c.startUs[0]),
    addresses: Buffer.concat(order.map((index) => addressBytes(c, index))),
    ipv4Count: indices.filter(isIpv4).length,
    source: rows.map((row) => order.indexOf(c.sourceIndex[row])),
    destination: rows.map((row) => order.indexOf(c.destinationIndex[row])),
    ports: Buffer.concat(
      rows.map((row) => Buffer.from(Uint16Array.of(c.sourcePort[row], c.destinationPort[row]).buffer)),
    ),
    protocol: bytes((row) => c.protocol[row]),
    state: bytes((row) => c.outcome[row] | (c.endReason[row] << 3) | (c.recordKind[row] << 6)),
    marks: optional(bytes((row) => c.oneSided[row] | (c.stealthKind[row] << 1) | (c.upgrade[row] << 4))),
    forwardTcpFlags: optional(bytes((row) => c.forwardTcpFlags[row])),
    reverseTcpFlags: optional(bytes((row) => c.reverseTcpFlags[row])),
    startDeltaUs: rows.map((row) => BigInt(c.startUs[row]) - BigInt(c.startUs[Math.max(row - 1, 0)])),
    durationUs: rows.map((row) => BigInt(c.endUs[row] - c.startUs[row])),
    forwardPackets: bigints(c.forwardPackets),
    reversePackets: bigints(c.reversePackets),
    forwardBytes: bigints(c.forwardBytes),
    reverseBytes: bigints(c.reverseBytes),
  };
}

/** The flows of a message that the generated code read. */
function flowsOfGenerated(batch: FlowBatch): Flow[] {
  const words = (index: number): number[] => {
    const ipv6At = batch.ipv4Count * 4 + (index - batch.ipv4Count) * 16;
    if (index >= batch.ipv4Count)
      return [0, 4, 8, 12].map((part) => batch.addresses.readUInt32BE(ipv6At + part));
    return [0, 0, 0xffff, batch.addresses.readUInt32BE(index * 4)];
  };
  let startUs = batch.baseTimeUs;
  return batch.source.map((source, row) => {
    startUs += batch.startDeltaUs[row];
    const [state, marks] = [batch.state[row], batch.marks[row] ?? 0];
    return [
      words(source).join("."),
      words(batch.destination[row]).join("."),
      batch.ports.readUInt16LE(row * 4),
      batch.ports.readUInt16LE(row * 4 + 2),
      batch.protocol[row],
      state & 7,
      (state >> 3) & 7,
      state >> 6,
      (marks >> 1) & 7,
      marks & 1,
      (marks >> 4) & 1,
      batch.forwardTcpFlags[row] ?? 0,
      batch.reverseTcpFlags[row] ?? 0,
      Number(startUs),
      Number(startUs + batch.durationUs[row]),
      Number(batch.forwardPackets[row]),
      Number(batch.reversePackets[row]),
      Number(batch.forwardBytes[row]),
      Number(batch.reverseBytes[row]),
    ];
  });
}

function addressBytes(columns: FlowColumns, index: number): Buffer {
  const bytes = Buffer.alloc(16);
  for (let part = 0; part < 4; part++) bytes.writeUInt32BE(columns.addressWords[index * 4 + part], part * 4);
  return isIpv4Words(columns.addressWords, index * 4) ? bytes.subarray(12) : bytes;
}

/** The same message as another writer may put it: see the test that uses it. */
function writeOddly(batch: FlowBatch, noise: number): Uint8Array {
  const random = seededRandom(noise);
  const writer = new BinaryWriter();
  writer.tag(2, WireType.Varint).uint64(99n);
  writer.raw(FlowBatch.encode({ ...batch, source: [], durationUs: [], startDeltaUs: [] }).finish());
  for (const index of batch.source) {
    writer.tag(6, WireType.Varint).uint32(index);
    if (random() < 0.1) writeUnknown(writer, 20 + Math.floor(random() * 1000));
  }
  for (let at = 0; at < batch.durationUs.length;) {
    const next = at + Math.floor(random() * 4);
    writer.tag(15, WireType.LengthDelimited).fork();
    for (const value of batch.durationUs.slice(at, next)) writer.uint64(value);
    writer.join();
    at = next;
  }
  for (const value of batch.startDeltaUs) writer.tag(14, WireType.Varint).sint64(value);
  return writer.finish();
}

function writeUnknown(writer: BinaryWriter, field: number): void {
  writer.tag(field, WireType.Varint).uint64(2n ** 64n - 1n);
  writer.tag(field, WireType.Bit32).fixed32(1);
  writer.tag(field, WireType.Bit64).fixed64(1n);
  writer.tag(field, WireType.LengthDelimited).bytes(new Uint8Array(300));
  writer.tag(field, WireType.StartGroup).tag(field + 1, WireType.StartGroup);
  writer.tag(1, WireType.Varint).uint32(5);
  writer.tag(field + 1, WireType.EndGroup).tag(field, WireType.EndGroup);
}

/** True when the bytes were accepted; then every value is in range and the generated code agrees. */
function expectCleanResult(bytes: Uint8Array, random: () => number, hint = `seed ${seed}`): boolean {
  const error = decodeFlowBatch(bytes, decoded);
  if (error !== undefined) {
    if (!flowBatchErrors.includes(error) || decoded.length !== 0) expect.fail(`${hint}: ${error}`);
    return false;
  }
  const problem = outOfRange(decoded);
  if (problem !== undefined) expect.fail(`${hint}: ${problem}`);
  if (random() < 0.05) expect(flowsOf(decoded), hint).toEqual(flowsOfGenerated(FlowBatch.decode(bytes)));
  return true;
}

function outOfRange(columns: FlowColumns): string | undefined {
  if (columns.length > columns.recordsMax || columns.addressCount > columns.addressesMax) return "length";
  for (let row = 0; row < columns.length; row++) {
    if (columns.sourceIndex[row] >= columns.addressCount) return "source";
    if (columns.destinationIndex[row] >= columns.addressCount) return "destination";
    if (columns.outcome[row] > 5 || columns.endReason[row] > 5 || columns.stealthKind[row] > 6) return "enum";
    if (!(columns.startUs[row] > 0 && columns.endUs[row] >= columns.startUs[row])) return "time";
    const sizes = [columns.endUs, columns.forwardPackets, columns.reversePackets, columns.forwardBytes];
    if (!sizes.every((values) => Number.isSafeInteger(values[row]) && values[row] >= 0))
      return "safe integer";
  }
  return undefined;
}

/** One to four edits: a byte changed, a bit flipped, bytes dropped, bytes doubled. */
function mutate(original: Uint8Array, random: () => number): Uint8Array {
  let bytes = original.slice();
  const edits = 1 + Math.floor(random() * 4);
  for (let edit = 0; edit < edits; edit++) {
    const at = Math.floor(random() * bytes.length);
    const end = at + Math.floor(random() * 8);
    const kind = Math.floor(random() * 8);
    if (kind < 4) bytes[at] ^= 1 << Math.floor(random() * 8);
    else if (kind < 6) bytes[at] = Math.floor(random() * 256);
    else if (kind === 6) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    else bytes = Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
  }
  return bytes;
}

/** Mulberry32: numbers from 0 to below 1. */
function seededRandom(start: number): () => number {
  let state = start | 0;
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
