import { describe, expect, it } from "vitest";
import { decodeFrame } from "../decode/decode-frame.js";
import { DecodedPacket, DecodeResult } from "../decode/decoded-packet.js";
import { LinkType } from "../decode/link-type.js";
import {
  type Ipv4Fields,
  ipv4,
  ipv6,
  ipv6FragmentHeader,
  joinBytes,
} from "../decode/testing/frame-builder.js";
import { FragmentMap } from "./fragment-map.js";
import { FragmentWatch } from "./fragment-watch.js";

const startUs = 1_700_000_000_000_000;

/** A watch that is fed with packets as decode reads them. */
class WatchedPackets {
  readonly watch = new FragmentWatch(7);
  timeUs = startUs;
  private readonly packet = new DecodedPacket();

  note(frame: Uint8Array): this {
    const view = new DataView(frame.buffer, 0, frame.length);
    const result = decodeFrame(frame, view, 0, frame.length, LinkType.raw, this.packet);
    expect([DecodeResult.flow, DecodeResult.laterFragment]).toContain(result);
    this.watch.note(this.packet, this.timeUs);
    return this;
  }

  /** Bytes `[start, end)` of a UDP datagram. */
  part(start: number, end: number, isLast = false, fields: Ipv4Fields = {}): this {
    const fragment = { protocol: 17, id: 9, fragmentOffset: start / 8, moreFragments: !isLast, ...fields };
    return this.note(ipv4(fragment, new Uint8Array(end - start).fill(0)));
  }

  part6(start: number, end: number, isLast = false): this {
    const header = ipv6FragmentHeader(17, start / 8, !isLast);
    return this.note(ipv6({ nextHeader: 44 }, joinBytes(header, new Uint8Array(end - start))));
  }
}

const clean = { overlapping: 0, oversize: 0, badLength: 0, evicted: 0 };

describe("fragments that fit together", () => {
  it("in order, in reverse, shuffled, and each seen twice", () => {
    const parts = [0, 1480, 2960, 4440];
    const orders = [
      [0, 1, 2, 3],
      [3, 2, 1, 0],
      [2, 0, 3, 1],
      [0, 0, 1, 1, 2, 2, 3, 3],
      [3, 3, 2, 2, 1, 1, 0, 0],
    ];
    for (const order of orders) {
      const packets = new WatchedPackets();
      for (const part of order)
        packets.part(parts[part], parts[part] + (part === 3 ? 101 : 1480), part === 3);
      expect(packets.watch.counters, String(order)).toEqual(clean);
    }
  });

  it("of IPv6", () => {
    const packets = new WatchedPackets().part6(0, 1448).part6(1448, 2896).part6(2896, 2900, true);
    expect(packets.watch.counters).toEqual(clean);
  });

  it("of packets that differ in number, protocol or address only", () => {
    const packets = new WatchedPackets().part(0, 80);
    packets.part(8, 88, false, { id: 10 }).part(8, 88, false, { protocol: 1 });
    packets.part(8, 88, false, { source: "10.0.0.3" }).part6(8, 88);
    expect(packets.watch.counters).toEqual(clean);
  });

  it("of a number that comes again, after the packet was whole or long after", () => {
    const packets = new WatchedPackets().part(0, 80).part(80, 90, true);
    packets.part(0, 160).part(160, 170, true);
    packets.part(0, 40);
    packets.timeUs += 30_000_000;
    packets.part(0, 80).part(80, 90, true);
    expect(packets.watch.counters).toEqual(clean);
  });

  it("up to the longest packet", () => {
    const packets = new WatchedPackets();
    for (let start = 0; start < 65_528; start += 8) {
      const end = Math.min(start + 8, 65_515);
      if (start < end) packets.part(start, end, end === 65_515);
    }
    expect(packets.watch.counters).toEqual(clean);
  });
});

describe("fragments that overlap", () => {
  it.each<[string, (packets: WatchedPackets) => WatchedPackets]>([
    ["within the one before (teardrop)", (packets) => packets.part(0, 40).part(24, 28, true)],
    ["over the header (tiny, then overlapping)", (packets) => packets.part(0, 32).part(8, 40, true)],
    ["around the one before", (packets) => packets.part(8, 16).part(0, 40)],
    ["with the same beginning, longer", (packets) => packets.part(0, 16).part(0, 24)],
    ["with the same beginning, shorter", (packets) => packets.part(0, 24).part(0, 16)],
    ["across two", (packets) => packets.part(0, 16).part(16, 32).part(0, 32)],
    ["behind the last", (packets) => packets.part(80, 88, true).part(88, 96)],
    ["of IPv6", (packets) => packets.part6(0, 40).part6(32, 72)],
    ["within a long one", (packets) => packets.part(0, 9000).part(4096, 4104)],
    ["over a long one", (packets) => packets.part(1000, 9000).part(800, 9200)],
    ["by its last unit", (packets) => packets.part(1024, 2048).part(2040, 4096)],
  ])("%s", (_name, send) => {
    expect(send(new WatchedPackets()).watch.counters).toEqual({ ...clean, overlapping: 1 });
  });
});

it("counts what is longer than a packet can be, and lengths that cannot be continued", () => {
  const packets = new WatchedPackets().part(65_528, 65_528 + 1000, true);
  packets.part(65_512, 65_516, true, { id: 1 }).part(0, 20, false, { id: 2 });
  expect(packets.watch.counters).toEqual({ ...clean, oversize: 2, badLength: 1 });
});

it("passes over fragments without a byte", () => {
  expect(new WatchedPackets().part(8, 8).part(8, 16).watch.counters).toEqual(clean);
});

it("lets the oldest packets go when there are too many, and counts them", () => {
  const packets = new WatchedPackets();
  for (let id = 0; id < 2000; id++) {
    packets.timeUs++;
    packets.part(0, 8, false, { id });
  }
  const { evicted } = packets.watch.counters;
  expect(evicted).toBeGreaterThanOrEqual(2000 - 512);
  expect(evicted).toBeLessThan(2000 - 256);
  packets.part(0, 16, false, { id: 1999 });
  expect(packets.watch.counters.overlapping).toBe(1);
});

it("forgets what is in the future after a clock was set back", () => {
  const packets = new WatchedPackets().part(0, 80);
  packets.timeUs -= 3_600_000_000;
  packets.part(8, 88);
  expect(packets.watch.counters).toEqual(clean);
});

it("says of any fragments what a list of all of them says", () => {
  const map = new FragmentMap(2);
  let state = 1;
  const below = (end: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * end);
  };
  for (let packet = 0; packet < 300; packet++) {
    map.clear(1);
    const seen: [number, number][] = [];
    for (let count = 0; count < 12; count++) {
      const first = below(packet % 2 === 0 ? 40 : 8000);
      const next = first + 1 + below(packet % 2 === 0 ? 8 : 190);
      const isCopy = seen.some(([start, end]) => start === first && end === next);
      const overlaps = seen.some(([start, end]) => first < end && start < next);
      const actual = map.add(1, first * 8, next * 8, false);
      // Once overlaps were counted it no longer matters which of them are copies.
      if (overlaps && !isCopy) {
        expect(actual, `${first} to ${next} after ${JSON.stringify(seen)}`).toBe(true);
        break;
      }
      expect(actual, `${first} to ${next} after ${JSON.stringify(seen)}`).toBe(false);
      seen.push([first, next]);
    }
  }
});
