import { Outcome } from "@picket/proto/batch/flow-columns.js";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { emergencyDefaults } from "./emergency-settings.js";
import { FloodScript } from "./testing/flood-script.js";

const server = 0x0a00_0001;
const scanner = 0xc633_6401;
const client = 0x0a00_0100;
const unspecified = 0;
const secondUs = 1_000_000;
const tableFlowsMax = 16_384;
const synAck = 0x12;
const ack = 0x10;

/** SYNs of random sources to one port, answered by the server. */
function flood(
  script: FloodScript,
  fromUs: number,
  seconds: number,
  perSecond: number,
  isAnswered = true,
): void {
  const stepUs = secondUs / perSecond;
  for (let i = 0; i < seconds * perSecond; i++) {
    const source = script.random();
    const sourcePort = 1024 + (source & 0x7fff);
    const atUs = fromUs + i * stepUs;
    script.send(atUs, { source, sourcePort, destination: server, destinationPort: 443, sequence: i });
    if (isAnswered)
      script.send(atUs, {
        source: server,
        sourcePort: 443,
        destination: source,
        destinationPort: sourcePort,
        flags: synAck,
        sequence: 5,
        acknowledgement: i + 1,
      });
  }
}

/** Whole connections to the server, one each for `count` clients. */
function connect(script: FloodScript, atUs: number, count: number): void {
  for (let i = 0; i < count; i++) {
    const ends = { source: client + i, sourcePort: 40_000, destination: server, destinationPort: 22 };
    const back = { source: server, sourcePort: 22, destination: client + i, destinationPort: 40_000 };
    script.send(atUs, { ...ends, sequence: 9 });
    script.send(atUs, { ...back, flags: synAck, sequence: 50, acknowledgement: 10 });
    script.send(atUs, { ...ends, flags: ack, sequence: 10, acknowledgement: 51 });
  }
}

describe("a flood of random sources", () => {
  it("begins and ends an emergency, keeps answered flows and adds up exactly", () => {
    const script = new FloodScript({ tableFlowsMax });
    const { meter } = script;
    connect(script, 0, 500);
    expect(meter.isEmergency).toBe(false);
    flood(script, secondUs, 1, 50_000);
    expect(meter.isEmergency).toBe(true);
    const recordsBefore = script.records;
    for (let second = 2; second < 8; second++) {
      flood(script, second * secondUs, 1, 50_000);
      expect(meter.flowsLive).toBeLessThan(tableFlowsMax);
    }
    expect(script.records - recordsBefore).toBeLessThan(20_000);
    expect(script.evictedAnswered).toBe(0);
    script.wait(8 * secondUs, 15 * secondUs);
    expect(meter.isEmergency).toBe(false);
    expect(meter.emergencyCounters).toMatchObject({ entered: 1, left: 1 });
    for (let i = 0; i < 500; i++)
      script.send(15 * secondUs, {
        source: client + i,
        sourcePort: 40_000,
        destination: server,
        destinationPort: 22,
        flags: ack,
        sequence: 10,
      });
    meter.finish();
    for (let i = 0; i < 500; i++)
      expect(script.of(client + i)).toMatchObject({ packets: 3, reversePackets: 1 });
    expect(script.packets).toBe(script.sent);
    expect(script.bytes).toBe(script.sentBytes);
    const { packetsRefusedUnknown, bytesRefused } = meter.emergencyCounters;
    expect(script.of(unspecified).packets + script.of(unspecified).reversePackets).toBe(
      packetsRefusedUnknown,
    );
    expect(bytesRefused).toBe(packetsRefusedUnknown * 40);
  });

  it.each([
    ["the flooded port first", (i: number) => [443, ...range(1000)][i]],
    ["the flooded port last", (i: number) => [...range(1000), 443][i]],
  ])("hides no packet of a scan, %s", (_name, portOf) => {
    const script = new FloodScript({ tableFlowsMax });
    flood(script, 0, 1, 100_000);
    for (let i = 0; i < 1001; i++) {
      const atUs = secondUs + i * 1000;
      flood(script, atUs, 0.001, 100_000);
      for (const retry of [0, 1])
        script.send(atUs + 900, {
          source: scanner,
          sourcePort: 50_000 + retry,
          destination: server,
          destinationPort: portOf(i),
        });
    }
    flood(script, 2.1 * secondUs, 1, 100_000);
    script.meter.finish();
    expect(script.of(scanner)).toMatchObject({ packets: 2002, outcomes: new Set([Outcome.ignored]) });
    expect(script.packets).toBe(script.sent);
  });

  it("lets a new connection to the flooded port in, from its first packet on", () => {
    const script = new FloodScript({ tableFlowsMax });
    flood(script, 0, 1, 100_000);
    const ends = { source: client, sourcePort: 40_000, destination: server, destinationPort: 443 };
    const back = { source: server, sourcePort: 443, destination: client, destinationPort: 40_000 };
    script.send(secondUs, { ...ends, sequence: 9 });
    flood(script, secondUs + 100, 0.005, 100_000);
    script.send(secondUs + 6000, { ...back, flags: synAck, sequence: 50, acknowledgement: 10, length: 60 });
    flood(script, secondUs + 6100, 0.005, 100_000);
    script.send(secondUs + 12_000, { ...ends, flags: ack, sequence: 10, acknowledgement: 51 });
    script.meter.finish();
    expect(script.of(client)).toMatchObject({
      packets: 2,
      reversePackets: 1,
      outcomes: new Set([Outcome.answered]),
    });
    expect(script.packets).toBe(script.sent);
    expect(script.bytes).toBe(script.sentBytes);
  });

  it("to random ports leaves few records and the scan of another host whole", () => {
    const script = new FloodScript({ tableFlowsMax });
    for (let i = 0; i < 300_000; i++) {
      const source = script.random();
      script.send(i * 10, {
        source,
        sourcePort: 9,
        destination: server,
        destinationPort: script.random() & 0xffff,
      });
      if (i >= 100_000 && i % 100 === 0)
        script.send(i * 10, {
          source: scanner,
          sourcePort: 50_000,
          destination: server + (i >> 4),
          destinationPort: 22,
        });
    }
    const { records } = script;
    script.meter.finish();
    expect(records).toBeLessThan(3 * tableFlowsMax);
    expect(script.of(scanner).packets).toBe(2000);
    expect(script.packets).toBe(script.sent);
  });

  it("of UDP from few sources is refused by their rate", () => {
    const script = new FloodScript({ tableFlowsMax });
    for (let i = 0; i < 300_000; i++)
      script.send(i * 10, {
        source: client + (i & 3),
        sourcePort: i & 0xffff,
        destination: server + ((i >> 16) << 8),
        destinationPort: 53,
        protocol: 17,
        length: 60,
      });
    const { emergencyCounters, flowsLive } = script.meter;
    expect(flowsLive).toBeLessThanOrEqual(tableFlowsMax);
    expect(emergencyCounters.packetsRefusedBusy).toBeGreaterThan(200_000);
    script.meter.finish();
    expect(script.packets).toBe(script.sent);
    expect(script.bytes).toBe(script.sentBytes);
  });
});

describe("an emergency", () => {
  it("gives up contacts without an answer sooner", () => {
    const script = new FloodScript({ tableFlowsMax: 10 });
    for (let i = 0; i < 9; i++)
      script.send(0, { source: client + i, sourcePort: 9, destination: server, destinationPort: 80 });
    expect(script.meter.isEmergency).toBe(true);
    script.wait(0, 1.4 * secondUs);
    expect(script.records).toBe(9);
    script.wait(1.4 * secondUs, 2.5 * secondUs);
    expect(script.meter.flowsLive).toBe(0);
  });

  it("refuses new flows while every live one is answered", () => {
    const script = new FloodScript({ tableFlowsMax: 10 });
    connect(script, 0, 10);
    script.send(1000, { source: scanner, sourcePort: 9, destination: server, destinationPort: 80 });
    expect(script.meter.flowsLive).toBe(10);
    script.meter.finish();
    expect(script.evictedAnswered).toBe(0);
    expect(script.meter.emergencyCounters.packetsRefusedFull).toBe(1);
    expect(script.of(unspecified).packets).toBe(1);
  });

  it("loses no packet, whatever comes, at a tiny table", () => {
    const packet = fc.record({
      source: fc.integer({ min: 1, max: 30 }),
      sourcePort: fc.integer({ min: 1, max: 3 }),
      destination: fc.integer({ min: 1, max: 4 }),
      destinationPort: fc.constantFrom(80, 443, 53, 0x0800),
      flags: fc.constantFrom(2, 2, 2, 0x12, 0x10, 0x14, 0x18, 0),
      sequence: fc.integer({ min: 0, max: 2 }),
      protocol: fc.constantFrom(6, 6, 6, 17, 1, 47),
      length: fc.integer({ min: 20, max: 70_000 }),
      stepUs: fc.oneof(
        fc.integer({ min: 0, max: 20_000 }),
        fc.integer({ min: -12_000_000, max: 12_000_000 }),
      ),
    });
    const rates = fc.integer({ min: 1, max: 5 });
    const emergency = fc
      .record({
        portContactsPerSecond: rates,
        hostContactsPerSecond: rates,
        unknownContactsPerSecond: rates,
        sourceContactsPerSecond: rates,
        pairContactsPerSecond: rates,
        knownContactsPerSecond: rates,
        retriesPerSecond: rates,
        waitingContactsMax: fc.integer({ min: 1, max: 16 }),
        refusedRecordsMax: fc.integer({ min: 2, max: 6 }),
      })
      .map((values) => ({ ...emergencyDefaults(8), ...values }));
    const tables = fc.integer({ min: 1, max: 8 });
    const packets = fc.array(packet, { maxLength: 300 });
    fc.assert(
      fc.property(tables, emergency, packets, (flowsMax, limits, values) => {
        const script = new FloodScript({ tableFlowsMax: flowsMax, emergency: limits });
        let atUs = 0;
        for (const value of values) script.send((atUs += value.stepUs), value);
        script.meter.finish();
        const { counters, emergencyCounters } = script.meter;
        const refused = Object.entries(emergencyCounters)
          .filter(([name]) => name.startsWith("packetsRefused"))
          .reduce((sum, [, value]) => sum + value, 0);
        const ofRefused = script.of(unspecified);
        expect(ofRefused.packets + ofRefused.reversePackets).toBe(refused);
        expect(script.packets).toBe(script.sent);
        expect(script.bytes).toBe(script.sentBytes);
        expect(counters.flowsClosed).toBe(counters.flowsOpened);
        expect(script.meter.flowsLive).toBe(0);
      }),
      { numRuns: 500, seed: 20_261 },
    );
  });
});

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => 10_000 + i);
}
