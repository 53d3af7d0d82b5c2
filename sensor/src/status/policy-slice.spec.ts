import { describe, expect, it } from "vitest";
import { decodePolicySlice } from "./policy-slice-codec.js";
import { sliceFault } from "./policy-slice.js";

describe("policy slice", () => {
  it("is read from proto3 JSON with the sensor's part only", () => {
    const text = '{"revision":"12","sensor":{"holdTimeoutMs":900,"filter":"not port 22","hostNames":false}}';
    expect(decodePolicySlice(text)).toMatchObject({
      revision: 12,
      holdTimeoutMs: 900,
      filter: "not port 22",
      hostNames: false,
    });
    expect(decodePolicySlice("{}")).toMatchObject({ revision: 0 });
  });

  it("is refused when it is no policy", () => {
    for (const text of ["", "x", "null", "3", '{"revision":{}}']) {
      expect(decodePolicySlice(text)).toBeUndefined();
    }
  });

  it("names the field that is out of range", () => {
    expect(sliceFault({ revision: 1, holdTimeoutMs: 900 })).toBeUndefined();
    expect(sliceFault({ revision: 1, holdTimeoutMs: 1 })).toBe("holdTimeoutMs");
    expect(sliceFault({ revision: 1, snapLengthBytes: Number.NaN })).toBe("snapLengthBytes");
    expect(sliceFault({ revision: 1, hostNamesPerSecond: 0 })).toBe("hostNamesPerSecond");
    expect(sliceFault({ revision: 1, filter: "x".repeat(5000) })).toBe("filter");
  });
});
