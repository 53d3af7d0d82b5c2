import * as fc from "fast-check";
import { expect, test } from "vitest";
import { ColdCrowds, coldSourcesMax, SubjectHash } from "./cold-crowds.js";

const addresses = ["\n\0\0\x01", "\xff\xff\xff\xff", "\0\0\0\0", "12345678", "abcdefghijklmnop"];
const join = fc.record({
  kind: fc.integer({ min: 0, max: 3 }),
  subject: fc.integer({ min: 0, max: 2_000 }).map((number) => `s${number}`),
  source: fc.constantFrom(...addresses),
});

test("holds up to three distinct sources of each crowd, through every growth of the table", () => {
  fc.assert(
    fc.property(fc.array(join, { maxLength: 3_000 }), fc.integer(), (joins, seed) => {
      const crowds = new ColdCrowds(100_000);
      const hash = new SubjectHash(seed);
      const model = new Map<string, string[]>();
      for (const { kind, subject, source } of joins) {
        hash.set(kind, subject);
        const held = model.get(`${kind}${subject}`) ?? [];
        const hasRoom = held.includes(source) || held.length < coldSourcesMax;
        if (hasRoom && !held.includes(source)) model.set(`${kind}${subject}`, [...held, source]);
        expect(crowds.add(crowds.findOrAdd(hash), source)).toBe(hasRoom);
      }
      expect(crowds.size).toBe(model.size);
      for (const { kind, subject } of joins) {
        hash.set(kind, subject);
        expect(crowds.sourcesOf(crowds.find(hash))).toEqual(model.get(`${kind}${subject}`));
      }
    }),
    { numRuns: 20 },
  );
});

test("takes no more crowds than it may, and knows those it has", () => {
  const crowds = new ColdCrowds(3);
  const hash = new SubjectHash(1);
  const slots = ["a", "b", "c", "d", "a"].map((subject) => {
    hash.set(0, subject);
    return crowds.findOrAdd(hash);
  });
  expect(slots[3]).toBe(-1);
  expect(slots[4]).toBe(slots[0]);
  crowds.markHot(slots[1], 70_000);
  expect(crowds.isHot(slots[1])).toBe(true);
  expect(crowds.place(slots[1])).toBe(70_000);
  expect(crowds.isHot(slots[0])).toBe(false);
});
