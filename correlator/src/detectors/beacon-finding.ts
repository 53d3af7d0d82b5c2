import { Outcome } from "@picket/proto/batch/flow-columns.js";
import type { Finding, ScoreFactor } from "../incidents/incident.js";
import { formatAddressKey, type AddressKey } from "../windows/address-key.js";
import { formatPort, parseServiceKey } from "../windows/contact-key.js";
import type { FactMember, FactWindow } from "../windows/fact-window.js";
import { ContactMark, hasMark, isUsualPort, sizeOf } from "./beacon-contacts.js";
import { contactRhythm, contactWaits, sameSizeShare, type ContactRhythm } from "./contact-rhythm.js";
import { evenByChance } from "./even-by-chance.js";
import type { FactEvaluation } from "./fact-detector.js";
import { factFinding } from "./fact-finding.js";
import { confidenceOf, marginWeight, samplesMax } from "./finding-builder.js";

/** Share of the gaps or sizes that must be alike for the smaller factors. */
const alikeShareMin = 0.8;
/** Below this much confidence nothing is said: every program with a timer looks a little like it. */
const confidenceTold = 0.3;
const confidenceMedium = 0.5;
/** Hosts of a service beyond which those outside are its clients. */
const outsideHostsMax = 2;
const samplesPerHost = 4;
/** Pairs of host and service in a day: a thousand hosts with a hundred places each that they come back to. */
const pairsPerDay = 100_000;
/** Pairs that are told in a day though their contacts are as even as they are by chance. */
const toldByChancePerDay = 0.1;

/** The contacts of one source with one service. */
export interface BeaconContacts {
  readonly source: AddressKey;
  readonly members: readonly FactMember[];
  readonly timesMs: readonly number[];
}

/** From when on a rhythm counts. */
export interface RhythmLimits {
  readonly contactsMin: number;
  readonly spanMsMin: number;
  readonly gapMsMin: number;
  /** Contacts in one slot of so many milliseconds are one. */
  readonly slotMs: number;
}

interface Beacon extends BeaconContacts {
  readonly rhythm: ContactRhythm;
}

/** The hosts that come back to the service of these windows like clockwork, if any. */
export function beaconFinding(
  windows: readonly FactWindow[],
  hosts: readonly BeaconContacts[],
  limits: RhythmLimits,
  evaluation: FactEvaluation,
): Finding | undefined {
  const { beacon: policy } = evaluation.policy;
  // Many outside hosts at a service mean that it is the one that is guarded.
  const isServer = hosts.length > outsideHostsMax;
  const regular = hosts
    .filter(
      ({ source, timesMs }) =>
        timesMs.length >= limits.contactsMin && (!isServer || evaluation.isInside(source)),
    )
    .map((host): Beacon => ({ ...host, rhythm: contactRhythm(host.timesMs, policy.jitterMax) }))
    .filter(({ rhythm }) => isRegular(rhythm, limits, policy.regularShareMin));
  const beacons = regular.filter(({ timesMs }) => isBeyondChance(timesMs, limits.slotMs));
  if (beacons.length === 0) return undefined;
  const service = parseServiceKey(windows[windows.length - 1].subject);
  // With many hosts the one that says most speaks for all.
  const scored = beacons.map((beacon) => factorsOf(beacon, service.port, regular.length, limits, evaluation));
  const factors = scored.reduce((best, each) => (confidenceOf(each) > confidenceOf(best) ? each : best));
  const confidence = confidenceOf(factors);
  if (confidence < confidenceTold) return undefined;
  const target = formatAddressKey(service.destination);
  const port = formatPort(service.port, service.protocol);
  const members = beacons.flatMap((beacon) => beacon.members);
  const finding = factFinding(
    {
      kind: "beacon",
      primaryKey: `${target} ${port}`,
      severity: confidence >= confidenceMedium ? "medium" : "low",
      factors,
      sources: beacons.map(({ source }) => formatAddressKey(source)),
      targets: [target],
      ports: [port],
      contactCount: beacons.reduce((sum, { rhythm }) => sum + rhythm.contacts, 0),
      members,
      sourceVerified: members.some(({ value }) => hasMark(value, ContactMark.answered)),
    },
    windows[windows.length - 1],
    evaluation,
  );
  const samples = beacons.flatMap((beacon) => samplesOf(beacon, service)).slice(0, samplesMax);
  return { ...finding, samples };
}

/** The first few contacts of a host. */
function samplesOf(
  { source, members }: Beacon,
  service: ReturnType<typeof parseServiceKey>,
): Finding["samples"] {
  return members.slice(0, samplesPerHost).map(({ firstMs, value, sensors }) => ({
    source,
    ...service,
    firstMs,
    outcome: hasMark(value, ContactMark.answered) ? Outcome.answered : Outcome.ignored,
    sensors,
  }));
}

function isRegular(rhythm: ContactRhythm, limits: RhythmLimits, regularShareMin: number): boolean {
  return (
    rhythm.contacts >= limits.contactsMin &&
    rhythm.spanMs >= limits.spanMsMin &&
    rhythm.gapMs >= limits.gapMsMin &&
    rhythm.regularShare >= regularShareMin
  );
}

/**
 * True when among all pairs of a day hardly one is as even by chance. That a pair is
 * looked at anew with each contact changes little: two looks share most of their waits.
 */
function isBeyondChance(timesMs: readonly number[], slotMs: number): boolean {
  return evenByChance(contactWaits(timesMs, slotMs)) * pairsPerDay <= toldByChancePerDay;
}

function factorsOf(
  { rhythm, members }: Beacon,
  port: number,
  hosts: number,
  { contactsMin }: RhythmLimits,
  { policy: { beacon } }: FactEvaluation,
): ScoreFactor[] {
  const marked = (mark: number): FactMember[] => members.filter(({ value }) => hasMark(value, mark));
  const answered = marked(ContactMark.answered);
  const sizes = answered
    .filter(({ value }) => hasMark(value, ContactMark.whole))
    .map(({ value }) => sizeOf(value));
  const isSized = sizes.length * 2 >= members.length;
  const named = marked(ContactMark.named).length / members.length;
  const isTls = marked(ContactMark.tls).length * 2 >= members.length;
  const isProxy = beacon.proxyPorts.includes(port);
  const factors: ScoreFactor[] = [
    factor("regular_gaps", rhythm.regularShare, beacon.regularShareMin, 0.25),
    factor("equal_gaps", rhythm.tightShare, alikeShareMin, 0.1),
    factor("equal_sizes", isSized ? sameSizeShare(sizes) : 0, alikeShareMin, 0.05),
    factor("contacts", rhythm.contacts, contactsMin, marginWeight(rhythm.contacts, contactsMin, 0.025, 0.05)),
    factor("unusual_port", isUsualPort(port) || isProxy ? 0 : port, 1, 0.15),
    factor("tls_without_name", isTls && named === 0 ? members.length : 0, 1, 0.15),
    factor("unanswered", answered.length === 0 ? members.length : 0, 1, 0.1),
    factor("named_service", isUsualPort(port) ? named : 0, 0.5, -0.1),
    factor("hosts_alike", hosts, beacon.commonHosts, -0.2),
  ];
  return factors.filter(({ value, threshold }) => value >= threshold);
}

function factor(name: string, value: number, threshold: number, weight: number): ScoreFactor {
  return { name, value: Math.round(value * 1000) / 1000, threshold, weight };
}
