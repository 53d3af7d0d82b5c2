import { expect, it } from "vitest";
import { CountedSources } from "./counted-sources.js";
import { SipHash } from "./sip-hash.js";

function count(sources: readonly string[]): number {
  const counted = new CountedSources(new SipHash(new Uint8Array(16)));
  for (const source of sources) counted.add(source);
  return counted.count;
}

const sources = Array.from({ length: 20_000 }, (_, index) => `10.${index >> 8}.${index & 255}`);

it("counts each source once, exactly while they are few", () => {
  expect(count([])).toBe(0);
  expect(count([...sources.slice(0, 4096), ...sources.slice(0, 4096)])).toBe(4096);
});

it("estimates many within a few percent, the same in any order and however often they come", () => {
  const estimate = count(sources);
  expect(Math.abs(estimate / sources.length - 1)).toBeLessThan(0.05);
  expect(count([...sources, ...sources].reverse())).toBe(estimate);
});
