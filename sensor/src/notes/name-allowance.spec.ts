import { describe, expect, it } from "vitest";
import { notesDefaults, notesSettings } from "./notes-settings.js";
import { NameAllowance } from "./name-allowance.js";

const startUs = 1_700_000_000_000_000;

function taken(allowance: NameAllowance, count: number, length: number, timeUs: number): number {
  let names = 0;
  for (let i = 0; i < count; i++) if (allowance.take(length, timeUs)) names++;
  return names;
}

describe("allowance of names", () => {
  it("is one second's worth at once and refills with packet time", () => {
    const allowance = new NameAllowance(10, 1000);
    expect(taken(allowance, 50, 5, startUs)).toBe(10);
    expect(taken(allowance, 50, 5, startUs + 300_000)).toBe(3);
    expect(taken(allowance, 50, 5, startUs + 3_600_000_000)).toBe(10);
  });

  it("is of bytes too", () => {
    const allowance = new NameAllowance(1000, 100);
    expect(taken(allowance, 50, 30, startUs)).toBe(3);
    expect(allowance.take(10, startUs)).toBe(true);
    expect(allowance.take(1, startUs)).toBe(false);
  });

  it("gives nothing for a step back in time and goes on from there", () => {
    const allowance = new NameAllowance(10, 1000);
    expect(taken(allowance, 50, 5, startUs)).toBe(10);
    expect(taken(allowance, 50, 5, startUs - 9_000_000)).toBe(0);
    expect(taken(allowance, 50, 5, startUs - 8_500_000)).toBe(5);
  });

  it("of zero refuses everything", () => {
    expect(new NameAllowance(0, 0).take(1, startUs)).toBe(false);
  });
});

describe("settings by policy", () => {
  it("are the defaults for the policy's defaults, and allow some bytes a name", () => {
    expect(notesSettings(true, 1000)).toEqual(notesDefaults);
    expect(notesSettings(false, 10)).toMatchObject({
      names: false,
      namesPerSecond: 10,
      nameBytesPerSecond: 320,
    });
    expect(notesSettings(true, 1).nameBytesPerSecond).toBe(253);
  });
});
