import { describe, expect, it } from "vitest";
import { isSmallFromOutside, weighedAtEdge, type BackgroundSettings } from "./background.js";
import type { Finding } from "./incident.js";

const settings: BackgroundSettings = {
  contactsMax: 25,
  sourcesMin: 3,
  isInside: (address) => address.startsWith("10."),
};
const hourMs = 3_600_000;

function finding(details: Partial<Finding>): Finding {
  return {
    kind: "vertical_scan",
    view: "source",
    primaryKey: "203.0.113.9",
    partition: 0,
    sliceStartMs: 0,
    sliceEndMs: 600_000,
    confirmed: true,
    severity: "medium",
    confidence: 0.7,
    factors: [],
    sources: ["203.0.113.9"],
    targets: ["10.0.0.1"],
    ports: ["tcp/22"],
    sourceCount: 1,
    targetCount: 1,
    portCount: 1,
    contactCount: 24,
    firstSeenMs: 0,
    lastSeenMs: hourMs,
    evidence: [],
    samples: [],
    refusedMembers: 0,
    sourceVerified: false,
    policyRevision: 0,
    ...details,
  };
}

const burst = (value: number): Finding["factors"] => [
  { name: "rate_over_usual", value, threshold: 3, weight: 0 },
];

describe("a small scan from outside", () => {
  it.each<[string, Partial<Finding>, boolean]>([
    ["of 24 contacts is one", {}, true],
    ["of 25 contacts is none", { contactCount: 25 }, false],
    ["is none from inside", { sources: ["10.0.0.9"] }, false],
    ["is none when a source is inside", { sources: ["203.0.113.9", "10.0.0.9"] }, false],
    ["is no sweep of pings, which is told by facts", { kind: "host_sweep", view: "facts" }, false],
    ["is no flood", { kind: "syn_flood", view: "service" }, false],
    ["is a crowd of 99 at one service", crowd("service", 99), true],
    ["is no crowd of 100 at one service", crowd("service", 100), false],
    ["is no crowd of 25 over the fleet", { ...crowd("port", 25), targetCount: 3 }, false],
    ["is what a target hears all the time", { ...crowd("target", 400), factors: burst(2.9) }, true],
    ["is one source's guessing at one host", guess({}), true],
    ["is no guessing of 60 within an hour", guess({ contactCount: 60 }), false],
    ["is no guessing a hundred times", guess({ contactCount: 100, lastSeenMs: 20 * hourMs }), false],
    ["is no guessing at two hosts", guess({ targetCount: 2 }), false],
    ["is no guessing of a prefix", guess({ sourceCount: 2 }), false],
    ["is no burst at a target", { ...crowd("target", 15), factors: burst(3) }, false],
  ])("%s", (_, details, expected) => {
    expect(isSmallFromOutside(finding(details), settings)).toBe(expected);
  });
});

describe("severity at the edge", () => {
  it.each<[string, Partial<Finding>, string]>([
    ["one source at one host is low where it would be medium", {}, "low"],
    ["one source at two hosts stays", { targetCount: 2 }, "medium"],
    ["from inside it stays", { sources: ["10.0.0.9"] }, "medium"],
    ["what is fast stays high", { severity: "high", contactCount: 25 }, "high"],
    ["what is slow is low", { severity: "high", contactCount: 24 }, "low"],
    ["a slow prefix is low", { kind: "campaign", severity: "high", contactCount: 49 }, "low"],
    ["a fast prefix stays", { kind: "campaign", severity: "high", contactCount: 50 }, "high"],
    ["a slow prefix over the fleet stays", { kind: "campaign", contactCount: 49, targetCount: 3 }, "medium"],
    ["a sweep of hosts stays", { kind: "horizontal_scan" }, "medium"],
  ])("%s", (_, details, expected) => {
    expect(weighedAtEdge(finding(details), settings).severity).toBe(expected);
  });
});

function crowd(view: Finding["view"], contactCount: number): Partial<Finding> {
  return { kind: "distributed_scan", view, contactCount, sourceCount: contactCount };
}

function guess(details: Partial<Finding>): Partial<Finding> {
  return { kind: "brute_force", view: "facts", contactCount: 59, ...details };
}
