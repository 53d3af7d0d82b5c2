import { describe, expect, it } from "vitest";
import { Probation } from "./probation.js";
import type { ContactObservation } from "./window-store.js";

function contact(source: string, port: number): ContactObservation {
  return {
    source,
    destination: "\x0a\0\0\x01",
    protocol: 6,
    port,
    timeMs: 1,
    outcome: 3,
    stealth: 0,
    sensor: 1,
    crowds: 0,
    traits: 0,
    fingerprint: 0,
  };
}

describe("Probation", () => {
  it("lets a source in at its second contact, not at the first once more", () => {
    const probation = new Probation();
    expect(probation.passes(contact("a", 22))).toBe(false);
    expect(probation.passes(contact("a", 22))).toBe(false);
    expect(probation.passes(contact("b", 23))).toBe(false);
    expect(probation.passes(contact("a", 23))).toBe(true);
  });

  it("remembers at least as many sources as it says, and forgets the oldest", () => {
    const probation = new Probation(100);
    for (let index = 0; index < 250; index++) probation.passes(contact(String(index), 22));
    expect(probation.passes(contact("0", 23))).toBe(false);
    expect(probation.passes(contact("150", 23))).toBe(true);
    expect(probation.passes(contact("249", 23))).toBe(true);
  });
});
