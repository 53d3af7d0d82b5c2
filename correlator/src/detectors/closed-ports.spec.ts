import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { defaultPolicy } from "../policy/policy.js";
import { ContactTrait } from "../windows/contact-traits.js";
import { contactSliceMs, type ContactObservation } from "../windows/window-store.js";
import { newWindowCounters } from "../windows/window-store.js";
import { WindowView } from "../windows/window-view.js";
import { detectSourceScan } from "./source-scan.js";
import type { Finding } from "../incidents/incident.js";

const slice = 3_000_000;
const source = "\xcb\0\x71\x05";
const closed = ContactTrait.atTarget | ContactTrait.closedPort;

function contact(host: number, traits: number, some: Partial<ContactObservation> = {}): ContactObservation {
  const destination = `\n\0\0${String.fromCharCode(host)}`;
  const timeMs = slice * contactSliceMs + host;
  const { refused: outcome } = Outcome;
  return {
    source,
    destination,
    protocol: 6,
    port: 22,
    timeMs,
    outcome,
    stealth: 0,
    sensor: 1,
    crowds: 0,
    traits,
    fingerprint: 0,
    ...some,
  };
}

function findingOf(
  failed: readonly ContactObservation[],
  answered: ContactObservation[] = [],
): Finding | undefined {
  const view = new WindowView(newWindowCounters());
  view.merge({ failed, answered, starts: [], facts: [] });
  const contacts = view.readContacts(source, (slice + 1) * contactSliceMs);
  const isInside = (address: string): boolean => address.startsWith("\n");
  const evaluation = { slice, confirmed: true, policy: defaultPolicy, policyRevision: 1, isInside };
  return detectSourceScan(contacts, evaluation);
}

const hosts = (count: number, traits: number, some?: Partial<ContactObservation>): ContactObservation[] =>
  Array.from({ length: count }, (_, host) => contact(host, traits, some));

describe("contacts at closed ports", () => {
  it.each([
    ["three are not enough", hosts(3, closed), false],
    ["four are", hosts(4, closed), true],
    ["four failures of which no target knows more are not", hosts(4, ContactTrait.atTarget), false],
    ["three of four count with the other", [...hosts(3, closed), contact(9, 0)], true],
    ["silence over UDP does not count", hosts(4, closed, { protocol: 17, outcome: Outcome.ignored }), false],
    ["a repeated contact counts once", Array.from({ length: 9 }, () => contact(1, closed)), false],
  ])("%s", (_, failed, isFound) => {
    expect(findingOf(failed) !== undefined).toBe(isFound);
  });

  it("are a factor of its own, in any order and however often they came", () => {
    const failed = [...hosts(4, 0), ...hosts(4, closed, { sensor: 2 })];
    const finding = findingOf(failed);
    expect(finding?.factors).toContainEqual({ name: "closed_ports", value: 4, threshold: 4, weight: 0.1 });
    expect(findingOf([...failed].reverse())).toEqual(finding);
    expect(findingOf([...failed, ...failed])).toEqual(finding);
  });

  it("weigh less than the hosts that answer", () => {
    const answered = [20, 21, 22].map((host) => contact(host, 0, { outcome: Outcome.answered }));
    expect(findingOf(hosts(4, closed), answered)).toBeUndefined();
  });
});
