import { expect, test } from "vitest";
import { DistinctCount } from "./distinct-count.js";
import { SipHash } from "./sip-hash.js";

const key = Uint8Array.from({ length: 16 }, (_, index) => index * 7);
const member = (index: number): string =>
  String.fromCharCode(index >>> 24, (index >>> 16) & 0xff, (index >>> 8) & 0xff, index & 0xff);

test.each([0, 1, 10, 1_000, 9_000, 12_000, 100_000, 1_000_000])("estimates %i within 5 %%", (count) => {
  const distinct = new DistinctCount(new SipHash(key));
  for (let index = 0; index < count; index++) {
    distinct.add(member(index));
    if (index % 3 === 0) distinct.add(member(index));
  }
  expect(distinct.count).toBeGreaterThanOrEqual(Math.floor(count * 0.95));
  expect(distinct.count).toBeLessThanOrEqual(Math.ceil(count * 1.05));
});

test("members chosen against one key say nothing under another", () => {
  const open = new DistinctCount(new SipHash(new Uint8Array(16)));
  const chosen: string[] = [];
  for (let index = 0; chosen.length < 500 && index < 3_000_000; index++)
    if (open.add(member(index)) && index > 50_000) chosen.push(member(index));
  expect(chosen.length).toBeGreaterThan(400);
  const keyed = new DistinctCount(new SipHash(key));
  for (const each of chosen) keyed.add(each);
  expect(keyed.count / chosen.length).toBeGreaterThan(0.95);
  expect(keyed.count / chosen.length).toBeLessThan(1.05);
});
