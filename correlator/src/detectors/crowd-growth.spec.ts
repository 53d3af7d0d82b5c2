import { describe, expect, it } from "vitest";
import type { CrowdKey } from "../windows/window-store.js";
import { CrowdGrowth } from "./crowd-growth.js";

const key: CrowdKey = { kind: "service", subject: "a", slice: 7 };

describe("CrowdGrowth", () => {
  it("lets every growth of a small crowd through", () => {
    const growth = new CrowdGrowth();
    for (const count of [4, 4, 5, 31, 31]) expect(growth.isSmall(key, count)).toBe(false);
  });

  it("lets a large crowd through the first time and then when it grew by a quarter", () => {
    const growth = new CrowdGrowth();
    expect([64, 79, 80, 99, 100].map((count) => growth.isSmall(key, count))).toEqual([
      false,
      true,
      false,
      true,
      false,
    ]);
  });

  it("begins anew with the next slice", () => {
    const growth = new CrowdGrowth();
    growth.isSmall(key, 100);
    expect(growth.isSmall({ ...key, slice: 8 }, 100)).toBe(false);
  });
});
