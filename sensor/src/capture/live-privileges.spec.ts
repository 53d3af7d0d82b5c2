import { describe, expect, it } from "vitest";
import { holdsMoreThanCapture, readCapabilities } from "./live-privileges.js";

const status = (permitted: string) => `Name:\tnode\nCapPrm:\t${permitted}\nCapEff:\t0000000000000000\n`;

describe("privileges of a process", () => {
  it("are read from its status", () => {
    expect(readCapabilities(status("0000000000002000"))).toEqual({ effective: 0n, permitted: 0x2000n });
  });

  it("are unknown where the system does not say", () => {
    expect(readCapabilities("")).toBeUndefined();
    expect(holdsMoreThanCapture("")).toBe(false);
  });

  it("are more than capturing with any other capability", () => {
    expect(holdsMoreThanCapture(status("0000000000000000"))).toBe(false);
    expect(holdsMoreThanCapture(status("0000000000002000"))).toBe(false);
    expect(holdsMoreThanCapture(status("0000000000002001"))).toBe(true);
    expect(holdsMoreThanCapture(status("000001ffffffffff"))).toBe(true);
  });
});
