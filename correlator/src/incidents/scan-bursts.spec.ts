import { describe, expect, it } from "vitest";
import { IncidentGroups, type GroupingSettings } from "./incident-groups.js";
import type { Finding } from "./incident.js";

const settings: GroupingSettings = {
  sessionGapMs: 86_400_000,
  burstHostsMin: 3,
  sensorName: (sensor) => `sensor-${sensor}`,
  background: { contactsMax: 25, sourcesMin: 3, isInside: (address) => address.startsWith("10.") },
};
const victim = "10.0.0.9";
const hosts = ["10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.1.4", "10.0.1.5"];

function finding(details: Partial<Finding>): Finding {
  const { sources = [], targets = [], ports = [] } = details;
  return {
    kind: "distributed_scan",
    view: "target",
    primaryKey: victim,
    partition: 0,
    sliceStartMs: 0,
    sliceEndMs: 600_000,
    confirmed: true,
    severity: "high",
    confidence: 0.8,
    factors: [],
    sources,
    targets,
    ports,
    sourceCount: sources.length,
    targetCount: targets.length,
    portCount: ports.length,
    contactCount: 1000,
    firstSeenMs: 1000,
    lastSeenMs: 9000,
    evidence: [],
    samples: [],
    refusedMembers: 0,
    sourceVerified: false,
    policyRevision: 1,
    ...details,
  };
}

const star = finding({ sources: hosts, targets: [victim] });
const single = finding({
  kind: "block_scan",
  view: "source",
  primaryKey: victim,
  sources: [victim],
  targets: hosts,
});

/** Bursts of the hosts in one slice of 5 seconds, each with these peers. */
function bursts(
  direction: "inbound" | "outbound",
  peersOf: (host: string) => readonly string[],
  details: Partial<Finding> = {},
  members = hosts,
): Finding[] {
  return members.map((host) => {
    const [sources, targets] = direction === "outbound" ? [[host], peersOf(host)] : [peersOf(host), [host]];
    const primaryKey = `${direction} ${host}`;
    return finding({
      kind: "host_burst",
      view: "starts",
      primaryKey,
      sliceEndMs: 5000,
      severity: "info",
      sources,
      targets,
      contactCount: 200,
      firstSeenMs: 0,
      lastSeenMs: 4999,
      ...details,
    });
  });
}

/** Kinds of the incidents, folded one call after the other and, put in order by the fold itself, in one call. */
function kindsOf(...calls: readonly (readonly Finding[])[]): string[][] {
  return [calls, [...calls].reverse(), [calls.flat()]].map((order) => {
    const groups = new IncidentGroups();
    for (const findings of order) groups.applyAll(findings, settings);
    return [...groups.all()]
      .filter(({ mergedInto }) => mergedInto === "")
      .map(({ kind }) => kind)
      .sort();
  });
}

function inEveryOrder(...kinds: string[]): string[][] {
  return [kinds, kinds, kinds];
}

const toVictim = (): readonly string[] => [victim];

describe("a burst of several hosts", () => {
  it("is part of the scan that they share, whichever is told first", () => {
    expect(kindsOf(bursts("outbound", toVictim), [star])).toEqual(inEveryOrder("distributed_scan"));
  });

  it("is part of the one source's scan that they suffer, whichever is told first", () => {
    expect(kindsOf(bursts("inbound", toVictim), [single])).toEqual(inEveryOrder("block_scan"));
  });

  it.each<[string, string[], number]>([
    ["of other hosts", ["10.0.2.1", "10.0.2.2", "10.0.2.3"], -3_600_000],
    ["of other hosts in the same seconds", ["10.0.2.1", "10.0.2.2", "10.0.2.3"], 0],
    ["of the same hosts minutes before", hosts, -300_000],
  ])("is part of its scan beside another burst %s", (_, others, beforeMs) => {
    const at = {
      sliceStartMs: 7_200_000 + beforeMs,
      sliceEndMs: 7_205_000 + beforeMs,
      firstSeenMs: 7_200_000 + beforeMs,
      lastSeenMs: 7_204_999 + beforeMs,
    };
    const later = {
      sliceStartMs: 7_200_000,
      sliceEndMs: 7_205_000,
      firstSeenMs: 7_200_000,
      lastSeenMs: 7_204_999,
    };
    const update = bursts("outbound", () => ["192.0.2.80"], at, others);
    const scanned = {
      ...star,
      sliceStartMs: 7_200_000,
      sliceEndMs: 7_800_000,
      firstSeenMs: 7_200_000,
      lastSeenMs: 7_209_000,
    };
    expect(kindsOf([...update, ...bursts("outbound", toVictim, later)], [scanned])).toEqual(
      inEveryOrder("cross_host_burst", "distributed_scan"),
    );
  });

  it("changes nothing of the scan, and names it", () => {
    const groups = new IncidentGroups();
    groups.applyAll([star], settings);
    const [before] = [...groups.all()].map((draft) => draft.fingerprint());
    const later = new IncidentGroups();
    later.applyAll(bursts("outbound", toVictim), settings);
    const [burst] = [...later.all()];
    later.applyAll([star], settings);
    const scan = [...later.all()].find(({ kind }) => kind === "distributed_scan");
    expect(scan?.fingerprint()).toBe(before);
    expect(later.get(burst.id)?.mergedInto).toBe(scan?.id);
  });

  it.each<[string, Finding[]]>([
    ["most of whose flows the scan has not", bursts("outbound", toVictim, { contactCount: 401 })],
    ["at another peer", bursts("outbound", () => ["192.0.2.80"])],
    ["that has no peer in common", bursts("outbound", (host) => [`192.0.2.${host.at(-1)}`])],
    ["of other hosts", bursts("outbound", toVictim, {}, ["10.0.2.1", "10.0.2.2", "10.0.2.3", hosts[0]])],
    ["that nobody scans", bursts("inbound", toVictim)],
  ])("%s stays an incident of its own", (_, found) => {
    expect(kindsOf(found, [star])).toEqual(inEveryOrder("cross_host_burst", "distributed_scan"));
  });

  it("of bytes stays an incident of its own", () => {
    const sent = bursts("outbound", toVictim).map((burst) => ({
      ...burst,
      primaryKey: burst.primaryKey.replace("outbound", "sent"),
    }));
    expect(kindsOf(sent, [star])).toEqual(inEveryOrder("cross_host_burst", "distributed_scan"));
  });

  it("before or after the scan stays an incident of its own", () => {
    const at = { sliceStartMs: 700_000, sliceEndMs: 705_000, firstSeenMs: 700_000, lastSeenMs: 704_999 };
    const after = bursts("outbound", toVictim, at);
    expect(kindsOf([star], after)).toEqual(inEveryOrder("cross_host_burst", "distributed_scan"));
  });

  it("stays one that later hosts join when an earlier one was a scan", () => {
    const groups = new IncidentGroups();
    groups.applyAll([...bursts("outbound", toVictim), star], settings);
    const at = { sliceStartMs: 900_000, sliceEndMs: 905_000, firstSeenMs: 900_000, lastSeenMs: 904_999 };
    groups.applyAll(
      bursts("outbound", () => ["192.0.2.80"], at),
      settings,
    );
    const kinds = [...groups.all()].filter(({ mergedInto }) => mergedInto === "").map(({ kind }) => kind);
    expect(kinds).toEqual(["distributed_scan", "cross_host_burst"]);
  });

  it("is found by a scan that another correlator folds, and is part of it for the next one", () => {
    const first = new IncidentGroups();
    first.applyAll(bursts("outbound", toVictim), settings);
    const second = IncidentGroups.ofFold(first.takeFold(true));
    second.applyAll([star], settings);
    const third = IncidentGroups.ofFold(second.takeFold(true));
    const [burst] = [...first.all()];
    expect(third.get(burst.id)?.mergedInto).toMatch(/^[0-9a-f]{16}$/);
    expect(first.get(burst.id)?.mergedInto).toBe("");
  });

  it("of a fork leaves the incident that it was forked from as it is", () => {
    const groups = new IncidentGroups();
    groups.applyAll(bursts("outbound", toVictim), settings);
    const fork = groups.fork();
    fork.applyAll([star], settings);
    const [burst] = [...groups.all()];
    expect([burst.mergedInto, fork.get(burst.id)?.mergedInto]).toEqual(["", expect.stringMatching(/./)]);
  });
});
