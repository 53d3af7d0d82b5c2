import { describe, expect, it } from "vitest";
import { defaultPolicy } from "../policy/policy.js";
import { contactSliceMs, type Contact } from "../windows/window-store.js";
import type { CrowdMembers } from "./crowd-contacts.js";
import { detectDividedScan } from "./divided-scan.js";
import type { SourcedContact } from "./finding-builder.js";

const target = "\n\0\0\x09";
const slice = 2_983_000;
const evaluation = { slice, confirmed: true, policy: defaultPolicy, policyRevision: 1 };
const members: CrowdMembers = {
  key: { kind: "target", subject: target, slice },
  sources: [],
  count: 0,
  refused: 0,
  history: new Map(),
  evenShare: 0,
  isInside: () => false,
  isKnownService: false,
};

/** Sources with so many ports each, whose lists begin `step` ports after each other's. */
function touches(sources: number, ports: number, step = ports): SourcedContact[] {
  return Array.from({ length: sources * ports }, (_, index) => {
    const [number, nth] = [Math.floor(index / ports), index % ports];
    const contact = {
      destination: target,
      protocol: 6,
      port: 1 + number * step + nth,
      firstMs: slice * contactSliceMs + index * 100,
      outcome: 3,
      sensors: [1],
    } as unknown as Contact;
    return { source: `c\0\0${String.fromCharCode(number + 1)}`, contact };
  });
}

describe("a scan whose ports are dealt out", () => {
  it.each([
    ["five sources with half of what is a scan", touches(5, 8), 5],
    ["four sources", touches(4, 20), 0],
    ["fewer ports each", touches(5, 7), 0],
    ["hardly a port twice", touches(5, 20, 18), 5],
    ["more ports twice", touches(5, 20, 17), 0],
    ["the same ports", touches(5, 20, 0), 0],
    ["bystanders with a port each", [...touches(5, 20), ...touches(30, 1, 0)], 5],
  ])("%s", (_, contacts, sources) => {
    const finding = detectDividedScan(members, contacts, evaluation);
    expect(finding?.sourceCount ?? 0).toBe(sources);
    if (finding !== undefined)
      expect(finding).toMatchObject({ kind: "distributed_scan", targetCount: 1, sourceVerified: false });
  });
});
