import { describe, expect, it } from "vitest";
import { beacon } from "../../../detectors/beacon.js";
import { factDetectors } from "../../../detectors/fact-detectors.js";
import { slowBeacon } from "../../../detectors/slow-beacon.js";
import { synFloodRate } from "../../../detectors/syn-flood-rate.js";
import { FactBudget } from "./fact-budget.js";
import { factPart, retentionMs } from "./log-keys.js";

const rates = synFloodRate.facts;
const nowMs = 1_789_948_800_000;

describe("factPart", () => {
  it("keeps a kind as long as its detector looks back, and no longer than it must", () => {
    for (const { facts } of factDetectors)
      expect(retentionMs[factPart(facts)]).toBeGreaterThan((facts.slicesBefore + 2) * facts.sliceMs);
    expect([rates, beacon.facts, slowBeacon.facts].map(factPart)).toEqual(["rates", "facts", "daily"]);
  });
});

describe("FactBudget", () => {
  it("refuses a kind that fills its share of a shard, until the next period", () => {
    const budget = new FactBudget();
    budget.add(rates, 3, nowMs, 1024 * 1024);
    expect(budget.admits(rates, 3, nowMs + 599_999)).toBe(false);
    expect(budget.admits(rates, 3, nowMs + 600_000)).toBe(true);
    budget.add(rates, 3, nowMs + 600_000, 40);
    expect(budget.admits(rates, 3, nowMs + 600_001)).toBe(true);
  });

  it("takes other kinds and other shards nevertheless", () => {
    const budget = new FactBudget();
    budget.add(rates, 3, nowMs, 1024 * 1024);
    expect(budget.admits(rates, 4, nowMs)).toBe(true);
    expect(budget.admits(beacon.facts, 3, nowMs)).toBe(true);
  });

  it("takes what comes late only while there is room", () => {
    const budget = new FactBudget();
    budget.add(rates, 3, nowMs, 1024 * 1024);
    expect(budget.admits(rates, 3, nowMs - 600_000)).toBe(false);
  });
});
