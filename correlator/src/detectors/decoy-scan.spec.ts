import { describe, expect, it } from "vitest";
import { defaultPolicy } from "../policy/policy.js";
import { contactSliceMs, type Contact } from "../windows/window-store.js";
import type { CrowdMembers } from "./crowd-contacts.js";
import { detectDecoyScan } from "./decoy-scan.js";

const target = "\n\0\0\x09";
const slice = 2_983_000;
const startMs = slice * contactSliceMs + 60_000;
const evaluation = { slice, confirmed: true, policy: defaultPolicy, policyRevision: 1 };

interface Job {
  readonly ports: number;
  readonly firstPort?: number;
  /** After the first source, milliseconds. */
  readonly lagMs?: number;
  readonly destination?: string;
}

/** Sources that each touch one port after the other, 20 ms apart. */
function members(...jobs: readonly Job[]): CrowdMembers {
  const sources = jobs.map(({ ports, firstPort = 1, lagMs = 0, destination = target }, number) => ({
    source: `c\0\0${String.fromCharCode(number + 1)}`,
    failed: Array.from({ length: ports }, (_, index) => ({
      destination,
      protocol: 6,
      port: firstPort + index,
      firstMs: startMs + index * 20 + lagMs,
      outcome: 3,
      stealth: 0,
      sensors: [1],
    })) as unknown as Contact[],
    answered: [],
    answeredHosts: new Map<string, number>(),
    refused: 0,
  }));
  return {
    key: { kind: "target", subject: target, slice },
    sources: sources as unknown as CrowdMembers["sources"],
    count: sources.length,
    refused: 0,
    history: new Map(),
    evenShare: 0,
    isInside: () => false,
    isKnownService: false,
  };
}

function times(count: number, job: Job): Job[] {
  return Array.from({ length: count }, () => job);
}

const limit = defaultPolicy.scan.portsPerTarget;

describe("a scan under several addresses", () => {
  it.each([
    ["two sources", members({ ports: 100 }, { ports: 100 }), 0],
    ["three sources", members({ ports: 100 }, { ports: 100 }, { ports: 100 }), 3],
    ["one port less than the limit", members(...times(3, { ports: limit - 1 })), 0],
    ["the limit of ports", members(...times(3, { ports: limit })), 3],
    ["ten seconds behind", members({ ports: 50 }, { ports: 50, lagMs: 10_000 }, { ports: 50 }), 3],
    ["later than that", members({ ports: 50 }, { ports: 50, lagMs: 10_001 }, { ports: 50 }), 0],
    ["other ports", members({ ports: 50 }, { ports: 50 }, { ports: 50, firstPort: 20 }), 0],
    ["another target", members({ ports: 50 }, { ports: 50 }, { ports: 50, destination: "\n\0\0\x08" }), 0],
    ["a bystander", members({ ports: 50 }, { ports: 50 }, { ports: 50 }, { ports: 300, firstPort: 900 }), 3],
  ])("%s", (_, crowd, sources) => {
    const finding = detectDecoyScan(crowd, evaluation);
    expect(finding?.sourceCount ?? 0).toBe(sources);
    if (finding === undefined) return;
    expect(finding).toMatchObject({ kind: "distributed_scan", targetCount: 1, sourceVerified: false });
    expect(finding.confidence).toBeGreaterThan(0.7);
  });

  it("is the same in whatever order its sources and contacts come", () => {
    const crowd = members({ ports: 60 }, { ports: 55, lagMs: 7 }, { ports: 50, lagMs: 3 });
    const turned = {
      ...crowd,
      sources: crowd.sources.toReversed().map((each) => ({ ...each, failed: each.failed.toReversed() })),
    };
    expect(detectDecoyScan(turned, evaluation)).toEqual(detectDecoyScan(crowd, evaluation));
  });

  it("is as severe as the ports that one address touched", () => {
    const severity = (ports: number): string | undefined =>
      detectDecoyScan(members(...times(4, { ports })), evaluation)?.severity;
    expect([severity(20), severity(25), severity(100)]).toEqual(["low", "medium", "high"]);
  });
});
