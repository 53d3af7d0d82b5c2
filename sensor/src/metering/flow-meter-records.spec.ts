import { RecordKind } from "@picket/proto/batch/flow-columns.js";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DecodedPacket } from "../decode/decoded-packet.js";
import { FlowMeter } from "./flow-meter.js";
import { type MeteringSettings, meteringSettings } from "./metering-settings.js";
import { OneRecordSink } from "./testing/one-record-sink.js";
import { PacketScript, scriptStartUs } from "./testing/packet-script.js";

const noBytes = new Uint8Array(0);

/** Adds up what the records say. */
class Totals extends OneRecordSink {
  packets = 0;
  bytes = 0;
  flows = 0;
  isOrdered = true;

  filled(row: number): void {
    const { columns } = this;
    this.packets += columns.forwardPackets[row] + columns.reversePackets[row];
    this.bytes += columns.forwardBytes[row] + columns.reverseBytes[row];
    const kind = columns.recordKind[row];
    if (kind === RecordKind.first || kind === RecordKind.only) this.flows++;
    if (columns.endUs[row] < columns.startUs[row]) this.isOrdered = false;
  }
}

function packetOf(source: number, destination: number, port: number, flags: number): DecodedPacket {
  const packet = new DecodedPacket();
  packet.source2 = 0xffff;
  packet.source3 = source;
  packet.destination2 = 0xffff;
  packet.destination3 = destination;
  packet.protocol = 6;
  packet.sourcePort = 40_000;
  packet.destinationPort = port;
  packet.tcpFlags = flags;
  packet.ipLength = 40;
  return packet;
}

describe("records of a flow", () => {
  it("carry what came since the last one, and the flow's own start", () => {
    const script = new PacketScript().play("0 a>b S", "0.1 b>a SA", "0.2 a>b A");
    for (let second = 1; second <= 150; second++) script.play(`${second} a>b PA len=10`, `${second} b>a A`);
    script.wait(300);
    const { records } = script;
    expect(records.map(({ kind, endReason }) => `${kind} ${endReason}`)).toEqual([
      "first open",
      "delta active timeout",
      "delta active timeout",
      "last idle timeout",
    ]);
    expect(records.map((record) => record.startSeconds)).toEqual([0, 0, 0, 0]);
    expect(records.at(-1)?.endSeconds).toBe(150);
    expect(records.reduce((sum, record) => sum + record.forwardPackets, 0)).toBe(152);
    expect(records.reduce((sum, record) => sum + record.reversePackets, 0)).toBe(151);
  });

  it("name the initiator as source, with the flags of each side", () => {
    const [record] = new PacketScript(6).play("0 b>a SA", "0.1 a>b R").wait(5).records;
    expect(record).toMatchObject({
      source: "a:40000",
      destination: "b:80",
      forwardTcpFlags: 4,
      reverseTcpFlags: 0x12,
      endSeconds: 0.1,
    });
  });

  it("of ICMP have the request's type as destination port", () => {
    const [record] = new PacketScript().play("0 b>a reply", "0.1 b>a reply").wait(60).records;
    expect(record).toMatchObject({ source: "a:0", destination: "b:2048", reversePackets: 2 });
  });

  it("end when the capture ends", () => {
    const script = new PacketScript().play(
      "0 a>b S",
      "0.1 b>a SA",
      "0.2 a>b A",
      "0.3 c>b S",
      "0.3 d>b S",
      "0.4 b>d SA",
    );
    script.meter.finish();
    expect(script.lines.toSorted()).toEqual([
      "only answered 2/1 (forced end)",
      "only ignored 1/0 (forced end)",
      "only unknown 1/1 (forced end)",
    ]);
    expect(script.meter.flowsLive).toBe(0);
  });

  it("leave a contact unknown that still waits when a live capture stops", () => {
    const script = new PacketScript().play("0 a>b S", "1 c>b S");
    script.meter.finish(scriptStartUs + 2e6);
    expect(script.lines).toEqual(["only ignored 1/0 (idle timeout)", "only unknown 1/0 (forced end)"]);
  });
});

describe("time", () => {
  it("that runs backwards within seconds changes no outcome", () => {
    const script = new PacketScript().play(
      "3 c>d udp",
      "0.5 a>b S",
      "0.4 b>a SA",
      "0.6 a>b A",
      "0.2 a>b PA len=4",
    );
    script.wait(8);
    expect(script.lines).toContain("first answered 3/1");
    expect(script.meter.counters).toMatchObject({ packetsOutOfOrder: 4, clockStepsBack: 0 });
  });

  it("that is set back by an hour stops no timer", () => {
    const script = new PacketScript().play(
      "3600 a>b S",
      "3600.1 b>a SA",
      "3600.2 a>b A",
      "3601 a>b PA len=9",
    );
    script.play("0 a>b PA len=1", "0.1 c>b S").wait(5);
    expect(script.lines).toEqual(["only ignored 1/0 (idle timeout)", "first answered 4/1"]);
    script.wait(60);
    expect(script.lines.at(-1)).toBe("last answered 0/0 (idle timeout)");
    expect(script.meter.counters.clockStepsBack).toBe(1);
  });

  it("that is set back while no packets come stops no timer", () => {
    const script = new PacketScript().play("3600 a>b S", "3600.1 b>a SA");
    script.meter.advance(scriptStartUs);
    script.play("0.1 c>b S").wait(2);
    expect(script.lines).toEqual(["only ignored 1/0 (idle timeout)"]);
  });

  it("that jumps by years fires everything once", () => {
    const script = new PacketScript().play("0 a>b S", "0 c>b udp", "1e9 d>b udp");
    expect(script.lines.toSorted()).toEqual([
      "only ignored 1/0 (idle timeout)",
      "only ignored 1/0 (idle timeout)",
    ]);
  });
});

describe("a full table", () => {
  it("gives up unanswered flows before answered ones and counts them", () => {
    const script = new PacketScript(4, { tableFlowsMax: 4 });
    script.play("0 a>b S", "0.1 b>a SA", "0.2 a>b A");
    for (const host of "cdefghijk") script.play(`0.3 ${host}>b S`);
    expect(script.meter.flowsLive).toBe(4);
    expect(script.meter.counters.evictions).toBe(6);
    expect(script.lines).toEqual(Array.from({ length: 6 }, () => "only unknown 1/0 (lack of resources)"));
    script.play("0.4 a>b PA len=7").wait(3);
    expect(script.lines).toContain("first answered 3/1");
  });

  it("stays bounded and exact under a million SYNs from random sources", () => {
    const totals = new Totals();
    const meter = new FlowMeter(meteringSettings({ tableFlowsMax: 8192, seed: 99 }), totals);
    let state = 1;
    const packet = packetOf(0, 0x0a00_0001, 443, 2);
    for (let i = 0; i < 1_000_000; i++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      packet.source3 = state;
      packet.tcpSequence = i;
      meter.process(packet, scriptStartUs + i * 10, noBytes);
      if (meter.flowsLive > 8192) throw new Error("more flows than the table may hold");
    }
    meter.finish();
    expect(totals).toMatchObject({
      packets: 1_000_000,
      bytes: 40_000_000,
      flows: meter.counters.flowsOpened + meter.emergencyCounters.refusedRecords,
    });
    expect(totals.flows).toBeLessThan(20_000);
  }, 120_000);
});

describe("whatever comes, in any order, at any settings", () => {
  const packets = fc.array(
    fc.record({
      source: fc.integer({ min: 1, max: 3 }),
      destination: fc.integer({ min: 1, max: 3 }),
      port: fc.constantFrom(80, 40_000, 0),
      protocol: fc.constantFrom(6, 6, 6, 17, 1, 47),
      flags: fc.integer({ min: 0, max: 255 }),
      sequence: fc.integer({ min: 0, max: 3 }),
      length: fc.integer({ min: 20, max: 1500 }),
      isIpv6: fc.boolean(),
      isError: fc.boolean(),
      stepUs: fc.oneof(
        fc.integer({ min: -3_000_000, max: 3_000_000 }),
        fc.integer({ min: -1e12, max: 1e12 }),
        fc.integer({ min: 0, max: 1000 }),
      ),
    }),
    { maxLength: 200 },
  );
  const settings = fc.record({
    tableFlowsMax: fc.integer({ min: 1, max: 6 }),
    idleTimeoutUs: fc.integer({ min: 1, max: 60_000_000 }),
    activeTimeoutUs: fc.integer({ min: 1, max: 60_000_000 }),
    holdTimeoutUs: fc.integer({ min: 1, max: 5_000_000 }),
    udpHoldTimeoutUs: fc.integer({ min: 1, max: 5_000_000 }),
    shortFlowUs: fc.integer({ min: 1, max: 5_000_000 }),
    lingerUs: fc.integer({ min: 0, max: 5_000_000 }),
    seed: fc.nat(),
  });

  it("the records add up to the packets, and every flow has one first record", () => {
    fc.assert(
      fc.property(settings, packets, (values: Partial<MeteringSettings>, script) => {
        const totals = new Totals();
        const meter = new FlowMeter(meteringSettings(values), totals);
        let timeUs = scriptStartUs;
        let errors = 0;
        let bytes = 0;
        for (const part of script) {
          timeUs += part.stepUs;
          const packet = packetOf(
            part.source,
            part.destination,
            part.port,
            part.protocol === 6 ? part.flags : 0,
          );
          packet.protocol = part.protocol;
          packet.isIpv6 = part.isIpv6;
          packet.tcpSequence = part.sequence;
          packet.tcpAcknowledgement = part.sequence;
          packet.ipLength = part.length;
          if (part.protocol === 1) packet.destinationPort = part.isError ? 0x0303 : part.port & 0xff00;
          const isError = part.protocol === 1 && part.isError;
          if (isError) errors++;
          else bytes += part.length;
          meter.process(packet, timeUs, noBytes);
        }
        meter.finish();
        expect(totals.packets).toBe(script.length - errors);
        expect(totals.bytes).toBe(bytes);
        expect(totals.flows).toBe(meter.counters.flowsOpened);
        expect(totals.isOrdered).toBe(true);
        expect(meter.flowsLive).toBe(0);
        expect(meter.counters).toMatchObject({
          icmpErrorsUnmatched: errors,
          packets: script.length - errors,
        });
      }),
      { numRuns: 400, seed: 20_260 },
    );
  });
});
