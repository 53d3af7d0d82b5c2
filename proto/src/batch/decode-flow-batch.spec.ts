import { describe, expect, it } from "vitest";
import { ArpRecords, FlowBatch } from "../generated/picket/v1/flow.js";
import { FlowBatchBuilder } from "./flow-batch-builder.js";
import { decodeFlowBatch } from "./flow-batch-codec.js";
import { batchBytesMax, FlowColumns } from "./flow-columns.js";
import { generatedOf } from "./testing/generated-batch.js";

const decoded = new FlowColumns();

describe("flow batch decoder", () => {
  const valid = (): FlowBatch => {
    const { columns } = smallBatch();
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
    ["outcome 6", "enum-value", (batch) => (batch.traits[1] = 6)],
    ["flow end reason 7", "enum-value", (batch) => (batch.traits[1] = 7 << 3)],
    ["stealth kind 7", "enum-value", (batch) => (batch.traits[2] = 7 << 1)],
    ["application 7", "enum-value", (batch) => (batch.traits[3] = 7)],
    ["probe kind 4", "enum-value", (batch) => (batch.fingerprints[1] = 4)],
    ["half a trait", "traits", (batch) => (batch.traits = batch.traits.subarray(1))],
    ["a trait outside the table", "traits", (batch) => (batch.trait[1] = 3)],
    ["a missing trait", "column-length", (batch) => void batch.trait.pop()],
    ["half a fingerprint", "fingerprints", (batch) => (batch.fingerprints = batch.fingerprints.subarray(1))],
    ["too many fingerprints", "fingerprints", (batch) => (batch.fingerprints = Buffer.alloc(257 * 12))],
    ["a fingerprint outside the table", "fingerprints", (batch) => (batch.fingerprint[0] = 1)],
    ["a fingerprint of no record", "fingerprints", (batch) => (batch.fingerprintRecordDelta[0] = 3)],
    ["two fingerprints of one record", "fingerprints", (batch) => (batch.fingerprintRecordDelta[1] = 0)],
    ["a fingerprint too many", "column-length", (batch) => void batch.fingerprint.push(0)],
    ["names longer than their bytes", "names", (batch) => (batch.nameLength[0] = 12)],
    ["names shorter than their bytes", "names", (batch) => (batch.nameLength[0] = 10)],
    ["an empty name", "names", (batch) => void batch.nameLength.push(0)],
    ["a name of 254 bytes", "names", (batch) => (batch.nameLength[0] = 254)],
    ["upper case in a name", "names", (batch) => (batch.names[0] = 0x41)],
    ["an escape character in a name", "names", (batch) => (batch.names[0] = 0x1b)],
    ["a name that is no ASCII", "names", (batch) => (batch.names[0] = 0xc3)],
    [
      "more names than a batch has",
      "count",
      (batch) => (batch.nameLength = Array.from({ length: 513 }, () => 1)),
    ],
    ["more name bytes than a batch has", "names", (batch) => (batch.names = Buffer.alloc(8193, 0x61))],
    ["a name outside the table", "names", (batch) => (batch.name[0] = 1)],
    ["a name of no record", "names", (batch) => (batch.nameRecordDelta[0] = 3)],
    ["a record of no name", "column-length", (batch) => void batch.nameRecordDelta.push(1)],
    ["an ARP sender outside the table", "address-index", (batch) => (arpOf(batch).sender[0] = 9)],
    ["an ARP target of IPv6", "arp", (batch) => (arpOf(batch).target[0] = batch.ipv4Count)],
    ["a MAC outside the table", "arp", (batch) => (arpOf(batch).senderMac[0] = 2)],
    ["half a MAC", "arp", (batch) => (arpOf(batch).macs = Buffer.alloc(13))],
    ["more MACs than a batch has", "arp", (batch) => (arpOf(batch).macs = Buffer.alloc(513 * 6))],
    ["a missing ARP state", "column-length", (batch) => (arpOf(batch).state = Buffer.alloc(0))],
    ["a missing ARP counter", "column-length", (batch) => void arpOf(batch).packets.pop()],
    [
      "more ARP records than a batch has",
      "count",
      (batch) => (arpOf(batch).sender = Array.from({ length: 513 }, () => 0)),
    ],
    ["ARP at time 0", "time-range", (batch) => (arpOf(batch).startDeltaUs[0] = -batch.baseTimeUs)],
    ["2^53 ARP packets", "counter-range", (batch) => (arpOf(batch).packets[0] = 2n ** 53n)],
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
    const { length, addressCount, fingerprintCount, nameCount, arp } = decoded;
    expect([length, addressCount, fingerprintCount, nameCount, arp.length, arp.macCount]).toEqual([
      0, 0, 0, 0, 0, 0,
    ]);
  });

  it("accepts the batch that the cases above spoil", () => {
    expect(decodeFlowBatch(FlowBatch.encode(valid()).finish(), decoded)).toBeUndefined();
    expect([decoded.length, decoded.arp.length]).toEqual([3, 1]);
  });

  it("refuses ARP records that end too early", () => {
    const bytes = FlowBatch.encode(valid()).finish();
    const inside = ArpRecords.encode(arpOf(valid())).finish().length;
    const spoilt = Buffer.concat([bytes.subarray(0, bytes.length - inside), Buffer.from([0x2a, 9])]);
    spoilt[spoilt.length - 3] = 2;
    expect(decodeFlowBatch(spoilt, decoded)).toBe("truncated");
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

/** Two TCP flows with fingerprints, one of them with a name, a flow of IPv6, and an ARP record. */
function smallBatch(): FlowBatchBuilder {
  const builder = new FlowBatchBuilder();
  const { columns } = builder;
  const fingerprint = Uint8Array.of(64, 0, 250, 240, 5, 180, 7, 0, 0x24, 0x83, 0, 0);
  columns.sequence = 1;
  for (const protocol of [6, 17, 58]) {
    const family = protocol === 58 ? 0x2001_0db8 : 0;
    const mapped = protocol === 58 ? 0 : 0xffff;
    const row = builder.append(family, 0, mapped, 1, family, 0, mapped, 2);
    columns.protocol[row] = protocol;
    columns.startUs[row] = 1.76e15 + row;
    columns.endUs[row] = 1.76e15 + row + 5;
    if (row < 2) builder.setFingerprint(row, fingerprint, 0);
    if (row === 1) builder.setName(row, Buffer.from("example.org"), 0, 11);
  }
  const row = builder.appendArp(1, 2, 0x0200, 1, 0, 0);
  columns.arp.startUs[row] = 1.76e15;
  columns.arp.endUs[row] = 1.76e15;
  return builder;
}

function arpOf(batch: FlowBatch): ArpRecords {
  if (batch.arp === undefined) throw new Error("the batch has no ARP records");
  return batch.arp;
}
