import { DecodedPacket } from "@picket/sensor/decode/decoded-packet.js";
import { expect, it } from "vitest";
import { CheckedView, checkedBytes } from "./checked-memory.js";
import { readCorpus } from "./frame-corpus.js";
import { type FuzzReport, fuzzGenerated, fuzzMutated } from "./run-fuzz.js";
import { isSamePacket, positions } from "./same-packet.js";

const seed = 20_260_101;

function neverCame(report: FuzzReport): string[] {
  return Object.entries(report.results)
    .filter(([, count]) => count === 0)
    .map(([name]) => name);
}

it("mutated frames are decoded and metered without a throw, a read outside the frame or a lost packet", async () => {
  const report = fuzzMutated(await readCorpus(), 200_000, seed);
  expect(report.failure, `seed ${seed}`).toBeUndefined();
  expect(report.frames).toBe(200_000);
  expect(neverCame(report), "every result is reached").toEqual([]);
}, 60_000);

it("generated frames are, too", () => {
  const report = fuzzGenerated(20_000, seed);
  expect(report.failure, `seed ${seed}`).toBeUndefined();
  expect(report.counters.get("packets_received")).toBe(20_000);
}, 60_000);

it("packets that differ in any field are told apart", () => {
  for (const [field, value] of Object.entries(new DecodedPacket())) {
    if (positions.has(field) || field === "tunnelLayersMax") continue;
    const changed = Object.assign(new DecodedPacket(), {
      [field]: typeof value === "boolean" ? !value : value + 1,
    });
    expect(isSamePacket(new DecodedPacket(), changed), field).toBe(false);
  }
});

it("checked memory throws outside its range", () => {
  const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6);
  const view = new CheckedView(bytes.buffer);
  view.allow(1, 5);
  expect(view.getUint32(1)).toBe(0x0203_0405);
  expect(() => view.getUint16(4)).toThrow(RangeError);
  expect(() => view.getUint8(0)).toThrow(RangeError);
  expect(() => view.getInt32(2)).toThrow(RangeError);
  const proxied = checkedBytes(bytes, 1, 5);
  expect(proxied[4]).toBe(5);
  expect(() => proxied[5]).toThrow(RangeError);
  expect(() => proxied.fill(0)).toThrow();
});
