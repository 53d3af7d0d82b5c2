import { expect, it } from "vitest";
import { buildIncident } from "../adapters/memory/incident-fixture.js";
import {
  burstDirections,
  bytesFactorName,
  isOfSources,
  isVolume,
  type BurstDirection,
} from "./burst-direction.js";
import { IncidentDraft } from "./incident-draft.js";
import { isSameBurst } from "./same-burst.js";
import { storedFinding } from "./stored-incident.js";

const hosts = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"];
const strangers = ["10.0.1.1", "10.0.1.2", "10.0.1.3"];
const half = [...hosts.slice(0, 2), ...strangers.slice(0, 2)];
const [peer, other] = ["192.0.2.80", "192.0.2.1"];
const [momentMs, minuteMs, hourMs] = [2000, 60_000, 3_600_000];

interface Parties {
  readonly hosts: readonly string[];
  readonly peers: readonly string[];
}

const of = (hostsOf: readonly string[], ...peers: readonly string[]): Parties => ({ hosts: hostsOf, peers });

it.each<[string, Parties, Parties, number, boolean]>([
  ["the same peer within minutes", of(hosts, peer), of(strangers, peer), 9 * minuteMs, true],
  ["the same peer of other hosts later", of(hosts, peer), of(strangers, peer), 11 * minuteMs, false],
  ["the same peer of the same hosts later", of(hosts, peer), of(half, peer), 5 * hourMs, true],
  ["another peer of the same hosts in the same moment", of(hosts, peer), of(half, other), momentMs, true],
  ["another peer of other hosts in the same moment", of(hosts, peer), of(strangers, other), momentMs, false],
  ["another peer of the same hosts a minute later", of(hosts, peer), of(hosts, other), minuteMs, false],
  ["no peer within minutes after none", of(hosts), of(strangers), 9 * minuteMs, true],
  ["no peer after none, later", of(hosts), of(strangers), hourMs, false],
  ["no peer of the same hosts after none, later", of(hosts), of(hosts), hourMs, true],
  ["no peer of the same hosts within minutes", of(hosts, peer), of(half), 9 * minuteMs, true],
  ["no peer of other hosts within minutes", of(hosts, peer), of(strangers), minuteMs, false],
  ["a peer of the same hosts after none", of(hosts), of(hosts, peer), minuteMs, false],
])("%s is the same burst or not", (_, before, now, gapMs, isSame) => {
  for (const direction of burstDirections) {
    const known = burst(direction, before, 0);
    const draft = IncidentDraft.restore(known, () => 1);
    expect(isSameBurst(storedFinding(burst(direction, now, 1000 + gapMs)), draft)).toBe(isSame);
  }
});

it("in the other direction is another one", () => {
  const draft = IncidentDraft.restore(burst("inbound", of(hosts, peer), 0), () => 1);
  expect(isSameBurst(storedFinding(burst("outbound", of(hosts, peer), 0)), draft)).toBe(false);
});

function burst(direction: BurstDirection, parties: Parties, atMs: number): ReturnType<typeof buildIncident> {
  const [sources, targets] = isOfSources(direction)
    ? [parties.hosts, parties.peers]
    : [parties.peers, parties.hosts];
  return buildIncident({
    kind: "cross_host_burst",
    sources: [...sources],
    targets: [...targets],
    firstSeenMs: atMs,
    lastSeenMs: atMs + 1000,
    factors: isVolume(direction) ? [{ name: bytesFactorName, value: 1, threshold: 0, weight: 0 }] : [],
  });
}
