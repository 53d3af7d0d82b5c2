import { Outcome } from "@picket/proto/batch/flow-columns.js";
import type { Finding, ScoreFactor } from "../incidents/incident.js";
import type { Policy } from "../policy/policy.js";
import { hostPeers, observePeer } from "../profiles/host-facts.js";
import type { HostProfile } from "../profiles/host-profile.js";
import { formatAddressKey } from "../windows/address-key.js";
import { formatPort } from "../windows/contact-key.js";
import type { FactMember, FactWindow } from "../windows/fact-window.js";
import type { FactDetector, FactEvaluation } from "./fact-detector.js";
import { factFinding } from "./fact-finding.js";
import { confidenceOf, marginWeight, samplesMax } from "./finding-builder.js";

const tcp = 6;
/** So many times its usual number of peers. */
const ratioMin = 4;
/** From so many days on a profile says more. */
const knownDays = 7;
const confidenceLow = 0.5;

/**
 * Fan-out against a host's own profile: it was answered over TCP by many inside
 * hosts that are not its usual peers, several times as many as on its other
 * days. An info, or low; it tells what no failed contact tells, a scan or a
 * spread that finds what it looks for.
 *
 * Cost: one fact of some 30 bytes for each inside host that answers a host on a
 * day, 256 a host at most; nothing for what was seen that day before.
 */
export const newPeers: FactDetector = {
  kinds: ["fan_out"],
  facts: hostPeers,
  protocols: [tcp],
  needsNewContact: true,
  observeFlow: observePeer,
  needsProfile: (window, policy) => countOf(window) >= policy.profile.newPeersMin,
  detect,
};

function countOf({ members, refused }: FactWindow): number {
  return members.length + refused;
}

function detect(windows: readonly FactWindow[], evaluation: FactEvaluation): Finding | undefined {
  const window = windows[windows.length - 1];
  const { profile, policy } = evaluation;
  if (profile === undefined || profile.days < policy.profile.daysMin) return undefined;
  const usual = new Set(profile.peers.map(({ address }) => address));
  const strangers = window.members.filter(({ member }) => !usual.has(member));
  const factors = factorsOf(window, strangers.length + window.refused, profile, policy);
  if (factors.length === 0) return undefined;
  const source = formatAddressKey(window.subject);
  const finding = factFinding(
    {
      kind: "fan_out",
      primaryKey: source,
      severity: confidenceOf(factors) >= confidenceLow ? "low" : "info",
      factors,
      sources: [source],
      targets: strangers.map(({ member }) => formatAddressKey(member)),
      ports: strangers.map(({ value }) => formatPort(value, tcp)),
      targetCount: strangers.length + window.refused,
      contactCount: strangers.length + window.refused,
      members: strangers,
      sourceVerified: true,
    },
    window,
    evaluation,
  );
  return { ...finding, samples: samplesOf(window.subject, strangers) };
}

/** None unless there are both many new peers and many more than usual. */
function factorsOf(window: FactWindow, count: number, profile: HostProfile, policy: Policy): ScoreFactor[] {
  const { newPeersMin } = policy.profile;
  const ratio = round(countOf(window) / Math.max(1, profile.peersPerDay));
  if (count < newPeersMin || ratio < ratioMin) return [];
  return [
    {
      name: "new_peers",
      value: count,
      threshold: newPeersMin,
      weight: 0.35 + marginWeight(count, newPeersMin, 0.05, 0.15),
    },
    {
      name: "peers_against_usual",
      value: ratio,
      threshold: ratioMin,
      weight: 0.05 + marginWeight(ratio, ratioMin, 0.05, 0.1),
    },
    {
      name: "days_known",
      value: profile.days,
      threshold: policy.profile.daysMin,
      weight: profile.days >= knownDays ? 0.1 : 0,
    },
  ];
}

function samplesOf(source: string, peers: readonly FactMember[]): Finding["samples"] {
  return peers.slice(0, samplesMax).map(({ member, value, firstMs, sensors }) => ({
    source,
    destination: member,
    protocol: tcp,
    port: value,
    firstMs,
    outcome: Outcome.answered,
    sensors,
  }));
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
