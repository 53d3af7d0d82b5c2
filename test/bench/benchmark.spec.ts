import { describe, expect, it } from "vitest";
import { median, rounded } from "./benchmark.js";
import { childCpuSeconds, isInstalled } from "./child-cpu.js";

describe("median", () => {
  it("is the middle value, or the mean of the middle two", () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 9, 2])).toBe(3);
  });
});

describe("rounded", () => {
  it("keeps three significant digits", () => {
    expect([0.123_456, 12_345, 7].map(rounded)).toEqual([0.123, 12_300, 7]);
  });
});

describe("childCpuSeconds", () => {
  it("counts the time of the child and of the children it waited for", () => {
    const busy = "const end = Date.now() + 300; while (Date.now() < end);";
    const seconds = childCpuSeconds(["bash", "-c", `"${process.execPath}" -e '${busy}'`]);
    expect(seconds).toBeGreaterThan(0.05);
  });

  it("does not count waiting", () => {
    expect(childCpuSeconds(["sleep", "0.3"])).toBeLessThan(0.1);
  });

  it("fails with what the command wrote when the command fails", () => {
    expect(() => childCpuSeconds(["bash", "-c", "echo out of luck >&2; exit 3"])).toThrow("out of luck");
  });

  it("knows what is installed", () => {
    expect(isInstalled("bash")).toBe(true);
    expect(isInstalled("picket-no-such-command")).toBe(false);
  });
});
