import { expect, it } from "vitest";
import { CheckedView, checkedBytes } from "./checked-memory.js";
import { readCorpus } from "./frame-corpus.js";
import { runDecodeFuzz } from "./run-decode-fuzz.js";

const seed = 20_260_101;

it("mutated frames decode without a throw, a read outside the frame or a write", async () => {
  const report = runDecodeFuzz(await readCorpus(), 200_000, seed);
  expect(report.failure, `seed ${seed}`).toBeUndefined();
  expect(report.frames).toBe(200_000);
  const never = Object.entries(report.results).filter(([, count]) => count === 0);
  expect(never, "every result is reached").toEqual([]);
}, 60_000);

it("checked memory throws outside its range", () => {
  const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6);
  const view = new CheckedView(bytes.buffer);
  view.allow(1, 5);
  expect(view.getUint32(1)).toBe(0x0203_0405);
  expect(() => view.getUint16(4)).toThrow(RangeError);
  expect(() => view.getUint8(0)).toThrow(RangeError);
  const proxied = checkedBytes(bytes, 1, 5);
  expect(proxied[4]).toBe(5);
  expect(() => proxied[5]).toThrow(RangeError);
  expect(() => proxied.fill(0)).toThrow();
});
