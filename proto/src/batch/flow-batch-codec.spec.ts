import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ArpRecords, FlowBatch } from "../generated/picket/v1/flow.js";
import { FlowBatchBuilder } from "./flow-batch-builder.js";
import { decodeFlowBatch, encodeFlowBatch, flowBatchErrors } from "./flow-batch-codec.js";
import { batchBytesMax, FlowColumns, isIpv4Words } from "./flow-columns.js";
import { isNameBytes } from "./name-bytes.js";
import { contentOf } from "./testing/batch-content.js";
import { contentOfGenerated, generatedOf } from "./testing/generated-batch.js";
import { randomBatch } from "./testing/random-batch.js";
import { mutate, seededRandom } from "./testing/seeded-random.js";

const seed = Number(process.env["PICKET_SEED"] ?? 20_260_101);
const scratch = new Uint8Array(batchBytesMax);
const decoded = new FlowColumns();

describe("flow batch codec", () => {
  it("decodes what it encoded", () => {
    property((columns) => {
      expect(decodeFlowBatch(encodeFlowBatch(columns, scratch), decoded)).toBeUndefined();
      expect(decoded.epoch).toEqual(columns.epoch);
      expect(contentOf(decoded)).toEqual(contentOf(columns));
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
      expect(contentOf(decoded)).toEqual(contentOf(columns));
    });
  });

  it("accepts a batch without records", () => {
    const columns = new FlowBatchBuilder(10).columns;
    columns.sequence = 7;
    expect(decodeFlowBatch(encodeFlowBatch(columns, scratch), decoded)).toBeUndefined();
    expect(decoded.length).toBe(0);
  });

  it("refuses a scratch that is too small for the batch", () => {
    const [columns] = fc.sample(randomBatch, { numRuns: 1, seed });
    expect(() => encodeFlowBatch(columns, new Uint8Array(20))).toThrow(RangeError);
  });

  it("refuses every truncation, or reads a shorter batch", () => {
    const random = seededRandom(seed);
    for (const columns of fc.sample(randomBatch, { numRuns: 8, seed })) {
      const bytes = encodeFlowBatch(columns, scratch).slice();
      for (let length = 0; length < bytes.length; length++) expectCleanResult(bytes.slice(0, length), random);
    }
  });

  it("survives 100,000 mutations", { timeout: 60_000 }, () => {
    const random = seededRandom(seed);
    const originals = fc
      .sample(randomBatch, { numRuns: 20, seed })
      .map((columns) => encodeFlowBatch(columns, scratch).slice());
    let accepted = 0;
    for (let round = 0; round < 100_000; round++) {
      const original = originals[round % originals.length];
      if (expectCleanResult(mutate(original, random), random, `seed ${seed}, mutation ${round}`)) accepted++;
    }
    expect(accepted).toBeGreaterThan(1000);
  });
});

function property(check: (columns: FlowColumns, noise: number) => void): void {
  fc.assert(fc.property(randomBatch, fc.integer({ min: 0, max: 2 ** 31 }), check), { seed, numRuns: 150 });
}

/** The same message as another writer may put it: see the test that uses it. */
function writeOddly(batch: FlowBatch, noise: number): Uint8Array {
  const random = seededRandom(noise);
  const writer = new BinaryWriter();
  writer.tag(2, WireType.Varint).uint64(99n);
  writer.raw(
    FlowBatch.encode({
      ...batch,
      source: [],
      durationUs: [],
      startDeltaUs: [],
      name: [],
      arp: undefined,
    }).finish(),
  );
  for (const index of batch.source) {
    writer.tag(6, WireType.Varint).uint32(index);
    if (random() < 0.1) writeUnknown(writer, 30 + Math.floor(random() * 1000));
  }
  for (let at = 0; at < batch.durationUs.length;) {
    const next = at + Math.floor(random() * 4);
    writer.tag(15, WireType.LengthDelimited).fork();
    for (const value of batch.durationUs.slice(at, next)) writer.uint64(value);
    writer.join();
    at = next;
  }
  for (const value of batch.startDeltaUs) writer.tag(14, WireType.Varint).sint64(value);
  for (const value of batch.name) writer.tag(28, WireType.Varint).uint32(value);
  if (batch.arp !== undefined) writeArpOddly(writer, batch.arp);
  return writer.finish();
}

function writeArpOddly(writer: BinaryWriter, arp: ArpRecords): void {
  writer.tag(29, WireType.LengthDelimited).fork();
  writer.raw(ArpRecords.encode({ ...arp, sender: [], packets: [] }).finish());
  writeUnknown(writer, 70);
  for (const value of arp.sender) writer.tag(2, WireType.Varint).uint32(value);
  for (const value of arp.packets) writer.tag(9, WireType.LengthDelimited).fork().uint64(value).join();
  writer.join();
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
    if (!flowBatchErrors.includes(error) || decoded.length + decoded.arp.length !== 0)
      expect.fail(`${hint}: ${error}`);
    return false;
  }
  const problem = outOfRange(decoded);
  if (problem !== undefined) expect.fail(`${hint}: ${problem}`);
  if (random() < 0.05) expect(contentOf(decoded), hint).toEqual(contentOfGenerated(FlowBatch.decode(bytes)));
  return true;
}

function outOfRange(columns: FlowColumns): string | undefined {
  if (columns.length > columns.recordsMax || columns.addressCount > columns.addressesMax) return "length";
  for (let row = 0; row < columns.length; row++) {
    if (columns.sourceIndex[row] >= columns.addressCount) return "source";
    if (columns.destinationIndex[row] >= columns.addressCount) return "destination";
    if (columns.outcome[row] > 5 || columns.endReason[row] > 5 || columns.stealthKind[row] > 6) return "enum";
    if (columns.application[row] > 6 || columns.direction[row] > 3) return "enum";
    if (columns.fingerprint[row] > columns.fingerprintCount) return "fingerprint";
    if (columns.name[row] > columns.nameCount) return "name";
    if (!(columns.startUs[row] > 0 && columns.endUs[row] >= columns.startUs[row])) return "time";
    const sizes = [columns.endUs, columns.forwardPackets, columns.reversePackets, columns.forwardBytes];
    if (!sizes.every((values) => Number.isSafeInteger(values[row]) && values[row] >= 0))
      return "safe integer";
  }
  return namesOutOfRange(columns) ?? arpOutOfRange(columns);
}

function namesOutOfRange({ nameBytes, nameEnds, nameCount }: FlowColumns): string | undefined {
  for (let at = 0; at < nameCount; at++) {
    const start = at === 0 ? 0 : nameEnds[at - 1];
    if (nameEnds[at] > nameBytes.length || !isNameBytes(nameBytes, start, nameEnds[at] - start))
      return "name bytes";
  }
  return undefined;
}

function arpOutOfRange({ arp, addressCount, addressWords }: FlowColumns): string | undefined {
  for (let row = 0; row < arp.length; row++) {
    for (const index of [arp.senderIndex[row], arp.targetIndex[row]])
      if (index >= addressCount || !isIpv4Words(addressWords, index * 4)) return "ARP address";
    if (arp.senderMacIndex[row] >= arp.macCount || arp.targetMacIndex[row] >= arp.macCount) return "MAC";
    if (!(arp.startUs[row] > 0 && arp.endUs[row] >= arp.startUs[row])) return "ARP time";
    if (!Number.isSafeInteger(arp.packets[row])) return "ARP packets";
  }
  return undefined;
}
