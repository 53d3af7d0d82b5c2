import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { defaultPolicy } from "../policy/policy.js";
import { addressKeyOfText } from "../windows/address-text.js";
import { startSliceMs, type Contact, type SourceWindow } from "../windows/window-store.js";
import type { Finding } from "../incidents/incident.js";
import { burstContacts } from "./burst-contacts.js";
import { detectHostBurst, isFailing, isKnownBefore, withContacts } from "./host-burst.js";

const slice = 1_000_000;
const startMs = slice * startSliceMs;
const host = keyOf("10.0.0.7");

function keyOf(text: string): string {
  return addressKeyOfText(text) ?? "";
}

function contact(destination: string, offsetMs: number, details: Partial<Contact> = {}): Contact {
  return {
    destination: keyOf(destination),
    protocol: 6,
    port: 80,
    firstMs: startMs + offsetMs,
    outcome: Outcome.ignored,
    stealth: 0,
    traits: 0,
    sensors: [1],
    ...details,
  };
}

function source(text: string, failed: readonly Contact[], answered: readonly Contact[] = []): SourceWindow {
  return { source: keyOf(text), failed, answered, refused: 0 };
}

/** New flows by slice of one that bursts after so many slices with this many. */
function countsOf(usual: number, slices = 60): Float64Array {
  const counts = new Float64Array(61).fill(usual, 60 - slices);
  counts[60] = 400;
  return counts;
}

function burstOf(usual: number): Finding {
  const evaluation = { slice, confirmed: true, policy: defaultPolicy, policyRevision: 1 };
  const burst = detectHostBurst(host, "outbound", countsOf(usual), evaluation);
  if (burst === undefined) throw new Error("must burst");
  return burst;
}

describe("a host that bursts", () => {
  const nothing = source("10.0.0.7", []);

  it.each([
    [0, false],
    [11, false],
    [12, true],
    [60, true],
  ])("and starts flows for %i slices is known before: %s", (slices, isKnown) => {
    expect(isKnownBefore(burstOf(1), [countsOf(0), countsOf(1, slices)], nothing)).toBe(isKnown);
  });

  it("after a rest is known by what it contacted hours before", () => {
    const earlier = contact("192.0.2.1", -20_000_000, { outcome: Outcome.answered });
    const asSoon = contact("192.0.2.1", -50_000, { outcome: Outcome.answered });
    expect(isKnownBefore(burstOf(0), [countsOf(0)], source("10.0.0.7", [], [earlier]))).toBe(true);
    expect(isKnownBefore(burstOf(0), [countsOf(0)], source("10.0.0.7", [], [asSoon]))).toBe(false);
  });
});

describe("the contacts of a burst", () => {
  it("are those that were new in its seconds, earliest first", () => {
    const window = source(
      "10.0.0.7",
      [contact("192.0.2.2", 4999), contact("192.0.2.3", 5000), contact("192.0.2.4", -1)],
      [contact("192.0.2.1", 0, { outcome: Outcome.answered })],
    );
    const found = burstContacts(host, "outbound", [window], slice);
    expect(found.map((each) => each.contact.destination)).toEqual([keyOf("192.0.2.1"), keyOf("192.0.2.2")]);
  });

  it("are, inbound, those with the host", () => {
    const sources = ["203.0.113.1", "203.0.113.2"].map((text) =>
      source(text, [contact("10.0.0.7", 1), contact("10.0.0.8", 2)]),
    );
    expect(burstContacts(host, "inbound", sources, slice)).toHaveLength(2);
  });

  it("that fail by half make it one that fails", () => {
    const found = [contact("192.0.2.1", 0), contact("192.0.2.2", 9, { outcome: Outcome.answered })];
    const contacts = found.map((each) => ({ source: host, contact: each }));
    const burst = burstOf(1);
    expect(isFailing({ ...burst, contactCount: 2 }, contacts)).toBe(true);
    expect(isFailing({ ...burst, contactCount: 3 }, contacts)).toBe(false);
  });

  it("give it peers, ports, evidence by sensor and samples, and leave its counts", () => {
    const burst = burstOf(1);
    const contacts = [contact("192.0.2.1", 0), contact("192.0.2.1", 9, { port: 81, sensors: [1, 2] })];
    const found = withContacts(
      burst,
      contacts.map((each) => ({ source: host, contact: each })),
      "outbound",
    );
    expect(found).toMatchObject({
      sources: ["10.0.0.7"],
      targets: ["192.0.2.1"],
      ports: ["tcp/80", "tcp/81"],
      contactCount: 400,
      severity: "info",
      confidence: 0.4,
      firstSeenMs: startMs,
    });
    expect(found.evidence.map(({ sensor, contactCount }) => [sensor, contactCount])).toEqual([
      [1, 2],
      [2, 1],
    ]);
    expect(found.samples).toHaveLength(2);
    expect(withContacts(burst, [], "outbound")).toBe(burst);
  });
});
