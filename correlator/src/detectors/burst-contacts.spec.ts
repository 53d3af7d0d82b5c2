import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { defaultPolicy } from "../policy/policy.js";
import { addressKeyOfText } from "../windows/address-text.js";
import { startSliceMs, type Contact, type SourceWindow } from "../windows/window-store.js";
import { burstContacts } from "./burst-contacts.js";
import { detectHostBurst, withContacts } from "./host-burst.js";

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

  it("give it peers, ports, evidence by sensor and samples, and leave its counts", () => {
    const counts = new Float64Array(61).fill(1);
    counts[60] = 400;
    const evaluation = { slice, confirmed: true, policy: defaultPolicy, policyRevision: 1 };
    const burst = detectHostBurst(host, "outbound", counts, evaluation);
    if (burst === undefined) throw new Error("must burst");
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
