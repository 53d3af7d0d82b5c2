import { describe, expect, it } from "vitest";
import { DecodedPacket } from "../decode/decoded-packet.js";
import { FlowHash } from "./flow-hash.js";
import { FlowTable } from "./flow-table.js";

function packetOf(source: number, destination: number, isIpv6: boolean): DecodedPacket {
  const packet = new DecodedPacket();
  packet.isIpv6 = isIpv6;
  packet.source0 = packet.destination0 = isIpv6 ? 0x2001_0db8 : 0;
  packet.source2 = packet.destination2 = isIpv6 ? 0 : 0xffff;
  packet.source3 = source;
  packet.destination3 = destination;
  packet.protocol = 17;
  packet.sourcePort = source % 7;
  packet.destinationPort = destination % 7;
  return packet;
}

function load(table: FlowTable, packet: DecodedPacket): number {
  return table.loadPacket(packet, packet.sourcePort, packet.destinationPort);
}

/** Finds without a loaded key, as the hot path does. */
function findDirectly(table: FlowTable, packet: DecodedPacket, direction: number): number {
  const { source0, source3, destination0, destination3, sourcePort, destinationPort, protocol } = packet;
  const isUpper = direction === 1;
  const ports = isUpper ? (destinationPort << 16) | sourcePort : (sourcePort << 16) | destinationPort;
  const [lower, upper] = isUpper ? [destination3, source3] : [source3, destination3];
  if (!packet.isIpv6) return table.findIpv4(lower | 0, upper | 0, ports, protocol);
  const view = new DataView(new ArrayBuffer(32));
  view.setUint32(0, isUpper ? destination0 : source0);
  view.setUint32(12, lower);
  view.setUint32(16, isUpper ? source0 : destination0);
  view.setUint32(28, upper);
  return table.findIpv6(view, 0, 16, ports, protocol);
}

describe("FlowTable", () => {
  it("agrees with a map through random insertions and removals", () => {
    const table = new FlowTable(300, 7);
    const slots = new Map<string, number>();
    let state = 3;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (let step = 0; step < 10_000; step++) {
      const [a, b] = [0xfffffff0 + random(15), 1 + random(40)];
      const isIpv6 = random(2) === 1;
      const key = `${a} ${b} ${isIpv6}`;
      const packet = random(2) === 1 ? packetOf(a, b, isIpv6) : packetOf(b, a, isIpv6);
      const direction = load(table, packet);
      const slot = table.find();
      expect(slot).toBe(slots.get(key) ?? -1);
      expect(findDirectly(table, packet, direction)).toBe(slot);
      if (slot !== -1 && random(3) === 0) {
        table.remove(slot);
        slots.delete(key);
      } else if (slot === -1 && !table.isFull) slots.set(key, table.insert());
      expect(table.length).toBe(slots.size);
    }
    expect(slots.size).toBeGreaterThan(100);
  });

  it("gives both directions of a flow one key", () => {
    const table = new FlowTable(4, 1);
    const there = load(table, packetOf(1, 0xffffffff, false));
    table.find();
    const slot = table.insert();
    const back = load(table, packetOf(0xffffffff, 1, false));
    expect([there + back, table.find()]).toEqual([1, slot]);
  });

  it("keeps an IPv6 packet with mapped addresses apart from IPv4", () => {
    const table = new FlowTable(4, 1);
    const packet = packetOf(1, 2, false);
    load(table, packet);
    table.find();
    table.insert();
    packet.isIpv6 = true;
    load(table, packet);
    expect(table.find()).toBe(-1);
  });
});

describe("FlowHash", () => {
  it("spreads keys that differ in one field only, for any seed", () => {
    for (const seed of [0, 1, 0xffff_ffff]) {
      const hasher = new FlowHash(seed);
      for (let word = 0; word < 9; word++) {
        const key = Int32Array.of(0x2001_0db8, 0, 0, 1, 0x2001_0db8, 0, 0, 2, 0x1234_0050);
        const buckets = new Set<number>();
        for (let i = 0; i < 1000; i++) {
          key[word] = i;
          buckets.add(hasher.hash(key, 6) >>> 15);
        }
        expect(buckets.size).toBeGreaterThan(900);
      }
    }
  });

  it("finds every flow while its index doubles", () => {
    const table = new FlowTable(100_000, 11);
    const slotOf = (i: number): number => {
      load(table, packetOf(i, 1 << 30, false));
      return table.find();
    };
    const slots = Array.from({ length: 100_000 }, (_, i) => {
      expect(slotOf(i)).toBe(-1);
      return table.insert();
    });
    expect(table.isFull).toBe(true);
    expect(slots.every((slot, i) => slotOf(i) === slot)).toBe(true);
    for (let i = 0; i < slots.length; i += 2) table.remove(slots[i]);
    expect(slots.every((slot, i) => slotOf(i) === (i % 2 === 0 ? -1 : slot))).toBe(true);
  });
});
