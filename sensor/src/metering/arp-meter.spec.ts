import { describe, expect, it } from "vitest";
import { ArpScript } from "./testing/arp-script.js";

describe("an ARP request", () => {
  it("is reported after the hold time, answered or not", () => {
    const script = new ArpScript().play("0 request a b", "0.001 reply b a", "0.1 request a c");
    expect(script.lines).toEqual(["reply b a 1"]);
    expect(script.wait(1.4).lines).toHaveLength(1);
    expect(script.wait(1.7).lines.slice(1)).toEqual(["request a b 1 answered", "request a c 1"]);
    expect(script.counters).toMatchObject({ requests: 2, requestsUnanswered: 1, records: 3 });
  });

  it("is not answered after the hold time", () => {
    const script = new ArpScript().play("0 request a b", "1.6 reply b a").wait(2);
    expect(script.lines).toEqual(["request a b 1", "reply b a 1 unsolicited"]);
  });

  it("is not answered by a reply to another MAC, address or question", () => {
    const script = new ArpScript();
    script.play("0 request a b", "0.1 reply b c", "0.1 reply c a", "0.1 reply b x:a").wait(1.6);
    expect(script.lines).toEqual([
      "reply b c 1 unsolicited",
      "reply c a 1 unsolicited",
      "reply b x:a 1 unsolicited",
      "request a b 1",
    ]);
  });

  it("that goes on is reported once an active timeout, and at once when it is answered after all", () => {
    const script = new ArpScript();
    for (let second = 0; second < 61; second++) script.play(`${second} request a b`);
    expect(script.wait(63, 60).lines).toEqual(["request a b 2", "request a b 59"]);
    script.play("64 request a b", "64.1 reply b a");
    expect(script.lines.slice(2)).toEqual(["request a b 1 answered", "reply b a 1"]);
  });

  it("keeps sweeps apart by target and senders apart by MAC", () => {
    const script = new ArpScript();
    script.play("0 request a b", "0 request a c", "0 request x:a b", "0.1 request a b").wait(1.6);
    expect(script.lines.toSorted()).toEqual(["request a b 2", "request a c 1", "request x:a b 1"]);
  });

  it("at the end of a file is reported as it is", () => {
    const script = new ArpScript().play("0 request a b", "0.1 announcement c");
    script.meter.finish();
    expect(script.lines).toEqual(["announcement c c 1", "request a b 1"]);
    script.meter.finish();
    expect(script.lines).toHaveLength(2);
    expect(script.meter.entriesLive).toBe(0);
  });
});

describe("an ARP reply, announcement or probe", () => {
  it("is reported at first sight and then once an active timeout", () => {
    const script = new ArpScript();
    for (let second = 0; second < 50; second++)
      script.play(`${second} reply M:a b`, `${second} reply M:b a`, `${second} announcement c`);
    expect(script.lines).toEqual([
      "reply M:a b 1 unsolicited",
      "reply M:b a 1 unsolicited",
      "announcement c c 1",
    ]);
    expect(script.wait(61, 49).lines.slice(3).toSorted()).toEqual([
      "announcement c c 49",
      "reply M:a b 49 unsolicited",
      "reply M:b a 49 unsolicited",
    ]);
  });

  it("is forgotten after a silence of the active timeout", () => {
    const script = new ArpScript().play("0 announcement a").wait(61);
    expect(script.meter.entriesLive).toBe(0);
    expect(script.play("62 announcement a").lines).toEqual(["announcement a a 1", "announcement a a 1"]);
  });

  it("is reported at once when it is unsolicited for the first time", () => {
    const script = new ArpScript();
    script.play("0 request a b", "0.1 reply b a", "5 reply b a", "6 reply b a");
    expect(script.lines).toEqual(["reply b a 1", "request a b 1 answered", "reply b a 1 unsolicited"]);
  });

  it("tells that its frame came from another MAC", () => {
    const script = new ArpScript().play("0 announcement a a x", "1 reply b a b", "2 reply b a x");
    expect(script.lines).toEqual([
      "announcement a a 1 mismatched",
      "reply b a 1 unsolicited",
      "reply b a 1 unsolicited mismatched",
    ]);
    expect(script.counters.sendersMismatched).toBe(2);
  });

  it("of a host without an address is a probe, answered by who has the address", () => {
    const script = new ArpScript().play("0 probe a b", "0.1 reply b a:0");
    expect(script.lines).toEqual(["probe a:0 b 1", "probe a:0 b 0 answered", "reply b a:0 1"]);
  });

  it("of another operation is counted only", () => {
    const script = new ArpScript().play("0 other a b").wait(100);
    expect(script.lines).toEqual([]);
    expect(script.counters.operationsOther).toBe(1);
  });
});

describe("an ARP storm", () => {
  it("stays within the table and the records of a second, and is counted", () => {
    const script = new ArpScript({ entriesMax: 256, recordsPerSecondMax: 100 });
    script.play("0 reply M:a b").storm(0.1, 5000).wait(1.8);
    const { counters, meter } = script;
    expect(meter.entriesLive).toBeLessThanOrEqual(256);
    expect(counters.evictions).toBe(5001 - 256);
    // Of requests given up a hundred in the first second; then a hundred that waited in each.
    expect(counters.packetsUnreported).toBe(counters.evictions - 100);
    expect(counters).toMatchObject({ records: 201, recordsPostponed: 155 });
    expect(script.wait(5, 1.8).counters.records).toBe(356);
  });

  it("does not hide a reply", () => {
    const script = new ArpScript({ entriesMax: 256, recordsPerSecondMax: 100 });
    script.storm(0, 3000).play("0.1 reply M:a b").storm(0.2, 3000).play("0.3 reply M:a b");
    expect(script.lines.filter((line) => line.startsWith("reply"))).toEqual(["reply M:a b 1 unsolicited"]);
  });

  it("of replies is reported later, not lost", () => {
    const script = new ArpScript({ recordsPerSecondMax: 2 });
    script.play("0 announcement a", "0 announcement b", "0 announcement c", "0.5 announcement c");
    expect(script.lines).toHaveLength(2);
    expect(script.wait(1.2).lines.slice(2)).toEqual(["announcement c c 2"]);
  });
});

describe("the clock of ARP", () => {
  it("set back an hour loses nothing", () => {
    const script = new ArpScript().play("3600 request a b", "0 request a c", "0.1 reply c a").wait(1.8, 0.2);
    // What waited before is looked at within a turn of the timer wheel.
    script.wait(180, 1.8);
    expect(script.lines.toSorted()).toEqual(["reply c a 1", "request a b 1", "request a c 1 answered"]);
    expect(script.meter.entriesLive).toBe(0);
  });

  it("does not move before the first packet", () => {
    const script = new ArpScript();
    script.meter.advance(Number.NEGATIVE_INFINITY);
    expect(script.play("0 request a b").wait(2).lines).toEqual(["request a b 1"]);
  });
});
