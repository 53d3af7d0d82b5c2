import { describe, expect, it } from "vitest";
import { FingerprintMemory } from "./fingerprint-memory.js";
import { initiatorShift, lowerLastAt, lowerPrefixAt, stateAt } from "./flow-layout.js";
import { ObservationView } from "./observation-view.js";
import { HostView } from "./host-view.js";
import { PacketScript } from "./testing/packet-script.js";

/** A flow from host `from` to host `to`; the initiator may be the upper end. */
function flowOf(from: number, to: number, initiatorIsUpper: boolean): Int32Array {
  const words = new Int32Array(32);
  words.set([initiatorIsUpper ? to : from, initiatorIsUpper ? from : to], lowerLastAt);
  words.set([0, 0, 0xffff, 0, 0, 0xffff], lowerPrefixAt);
  words[stateAt] = initiatorIsUpper ? 1 << initiatorShift : 0;
  return words;
}

describe("ObservationView", () => {
  it("takes a view for one-sided until a reply of the pair was seen, on any port", () => {
    const view = new ObservationView(1, new HostView());
    expect(view.mayBeOneSided(flowOf(5, 9, false), 0)).toBe(true);
    view.noteReply(flowOf(5, 9, false), 0);
    expect(view.mayBeOneSided(flowOf(5, 9, false), 0)).toBe(false);
    expect(view.mayBeOneSided(flowOf(5, 9, true), 0)).toBe(false);
    expect(view.mayBeOneSided(flowOf(9, 5, false), 0)).toBe(true);
  });

  it("never takes the view toward this host for one-sided", () => {
    const host = new HostView();
    host.setAddresses(Uint32Array.of(0, 0, 0xffff, 7, 0, 0, 0xffff, 9));
    const view = new ObservationView(1, host);
    expect(view.mayBeOneSided(flowOf(5, 9, false), 0)).toBe(false);
    expect(view.mayBeOneSided(flowOf(9, 5, false), 0)).toBe(true);
  });

  it("makes a lone ACK toward this host worthless", () => {
    const host = new HostView();
    host.setAddresses(Uint32Array.of(0, 0, 0xffff, 0xc0a8_0000 + "b".charCodeAt(0)));
    const script = new PacketScript(4, { host }).play("0 a>b S", "0.1 a>b A", "0.2 a>b PA len=5").wait(2);
    expect(script.lines).toEqual(["only ignored 3/0 (idle timeout)"]);
  });
});

describe("FingerprintMemory", () => {
  it("remembers the latest and stays bounded", () => {
    const memory = new FingerprintMemory();
    for (let i = 0; i < 1_000_000; i++) memory.add(Math.imul(i, 0x9e37_79b1));
    const latest = Array.from({ length: 32_768 }, (_, i) => Math.imul(999_999 - i, 0x9e37_79b1));
    expect(latest.every((value) => memory.has(value))).toBe(true);
    expect(memory.has(Math.imul(5, 0x9e37_79b1))).toBe(false);
  });
});
