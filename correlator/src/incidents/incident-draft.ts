import { formatAddressKey } from "../windows/address-key.js";
import { formatPort } from "../windows/contact-key.js";
import { outcomeNames } from "@picket/proto/batch/flow-columns.js";
import { primaryKeyOf, storedFinding } from "./stored-incident.js";
import { ViewCounts, type ViewCountsState } from "./view-counts.js";
import {
  severities,
  strongerOrigin,
  type ContactSample,
  type Finding,
  type Incident,
  type IncidentKind,
  type IncidentOrigin,
  type ScoreFactor,
  type Severity,
} from "./incident.js";

/** Most sources, targets and ports an incident lists. */
const partiesMax = 1000;
const samplesMax = 12;
/** Most sources that are told apart where only their number is said. */
const countedSourcesMax = 100_000;

interface DraftEvidence {
  readonly contacts: ViewCounts;
  firstSeenMs: number;
  lastSeenMs: number;
}

const plainFields = [
  "id",
  "kind",
  "severity",
  "confidence",
  "firstSeenMs",
  "lastSeenMs",
  "openedMs",
  "openedKey",
  "lastSliceEndMs",
  "confirmed",
  "mergedInto",
  "sourceCount",
  "targetCount",
  "portCount",
  "refusedMembers",
  "sourceVerified",
  "origin",
  "policyRevision",
] as const;
const setFields = ["sources", "targets", "ports", "primaryKeys", "countedSources"] as const;

/** Everything that a draft is, as JSON holds it. */
export interface DraftState {
  readonly plain: Pick<IncidentDraft, (typeof plainFields)[number]>;
  readonly sets: Readonly<Record<(typeof setFields)[number], readonly string[]>>;
  readonly contacts: ViewCountsState;
  readonly factors: readonly ScoreFactor[];
  readonly evidence: readonly {
    readonly sensor: number;
    readonly contacts: ViewCountsState;
    readonly firstSeenMs: number;
    readonly lastSeenMs: number;
  }[];
  readonly samples: readonly ContactSample[];
}

/**
 * An incident while findings are folded into it. Every field merges by union,
 * maximum or minimum, so folding a finding twice changes nothing.
 */
export class IncidentDraft {
  kind: IncidentKind;
  severity: Severity;
  confidence: number;
  firstSeenMs: number;
  lastSeenMs: number;
  /** Slice start of the finding that opened it. */
  readonly openedMs: number;
  /** Primary key of the finding that opened it. */
  readonly openedKey: string;
  /** Slice end of the newest finding, for the session gap. */
  lastSliceEndMs: number;
  confirmed = false;
  mergedInto = "";
  sourceCount = 0;
  targetCount = 0;
  portCount = 0;
  refusedMembers = 0;
  sourceVerified = false;
  origin: IncidentOrigin = "unknown";
  policyRevision = 0;
  readonly sources = new Set<string>();
  readonly targets = new Set<string>();
  readonly ports = new Set<string>();
  readonly primaryKeys = new Set<string>();
  /** Distinct sources of an incident of thousands; empty for others. */
  private readonly countedSources = new Set<string>();
  private readonly contacts = new ViewCounts();
  private readonly factors = new Map<string, ScoreFactor>();
  private readonly evidence = new Map<number, DraftEvidence>();
  private samples: readonly ContactSample[] = [];

  constructor(
    readonly id: string,
    finding: Finding,
  ) {
    this.kind = finding.kind;
    this.severity = finding.severity;
    this.confidence = finding.confidence;
    this.firstSeenMs = finding.firstSeenMs;
    this.lastSeenMs = finding.lastSeenMs;
    this.lastSliceEndMs = finding.sliceEndMs;
    this.openedMs = finding.sliceStartMs;
    this.openedKey = finding.primaryKey;
  }

  /** The draft of a stored incident; what it does not carry (its keys) is worked out again. */
  static restore(incident: Incident, sensorHash: (name: string) => number): IncidentDraft {
    const draft = new IncidentDraft(incident.id, storedFinding(incident));
    draft.confirmed = incident.confirmation === "confirmed";
    draft.mergedInto = incident.mergedInto;
    draft.refusedMembers = incident.coverage.refusedMembers;
    draft.sourceVerified = incident.sourceVerified;
    draft.origin = incident.origin;
    draft.policyRevision = incident.policyRevision;
    draft.samples = incident.samples;
    draft.raiseCounts(incident);
    addAll(draft.sources, incident.sources);
    addAll(draft.targets, incident.targets);
    addAll(draft.ports, incident.ports);
    draft.primaryKeys.add(primaryKeyOf(incident));
    for (const factor of incident.factors) draft.addFactor(factor);
    draft.contacts.raise("source", storedKey, incident.contactCount);
    for (const { sensor, contactCount, firstSeenMs, lastSeenMs } of incident.evidence)
      draft
        .evidenceOf(sensorHash(sensor), firstSeenMs, lastSeenMs)
        .contacts.raise("source", storedKey, contactCount);
    return draft;
  }

  /** The draft that had this state. */
  static of({ plain, sets, contacts, factors, evidence, samples }: DraftState): IncidentDraft {
    const draft = Object.create(IncidentDraft.prototype) as IncidentDraft;
    return Object.assign(draft, plain, {
      ...Object.fromEntries(setFields.map((field) => [field, new Set(sets[field])])),
      contacts: ViewCounts.of(contacts),
      factors: new Map(factors.map((factor) => [factor.name, factor])),
      evidence: new Map(
        evidence.map(({ sensor, ...known }) => [
          sensor,
          { ...known, contacts: ViewCounts.of(known.contacts) },
        ]),
      ),
      samples,
    });
  }

  state(): DraftState {
    return {
      plain: Object.fromEntries(
        plainFields.map((field) => [field, this[field]]),
      ) as unknown as DraftState["plain"],
      sets: Object.fromEntries(
        setFields.map((field) => [field, [...this[field]]]),
      ) as unknown as DraftState["sets"],
      contacts: this.contacts.state(),
      factors: [...this.factors.values()],
      evidence: [...this.evidence].map(([sensor, known]) => ({
        ...known,
        sensor,
        contacts: known.contacts.state(),
      })),
      samples: this.samples,
    };
  }

  /** A copy that can change without changing this. */
  clone(): IncidentDraft {
    const copy: IncidentDraft = Object.create(IncidentDraft.prototype) as IncidentDraft;
    return Object.assign(copy, this, {
      sources: new Set(this.sources),
      targets: new Set(this.targets),
      ports: new Set(this.ports),
      primaryKeys: new Set(this.primaryKeys),
      countedSources: new Set(this.countedSources),
      factors: new Map(this.factors),
      evidence: new Map(
        [...this.evidence].map(([sensor, known]) => [sensor, { ...known, contacts: known.contacts.clone() }]),
      ),
      contacts: this.contacts.clone(),
    });
  }

  add(finding: Finding, sensorName: (sensor: number) => string): void {
    this.severity = higher(this.severity, finding.severity);
    this.confidence = Math.max(this.confidence, finding.confidence);
    this.firstSeenMs = Math.min(this.firstSeenMs, finding.firstSeenMs);
    this.lastSeenMs = Math.max(this.lastSeenMs, finding.lastSeenMs);
    this.lastSliceEndMs = Math.max(this.lastSliceEndMs, finding.sliceEndMs);
    this.confirmed ||= finding.confirmed;
    this.refusedMembers = Math.max(this.refusedMembers, finding.refusedMembers);
    this.sourceVerified ||= finding.sourceVerified;
    this.origin = strongerOrigin(this.origin, finding.origin ?? "unknown");
    this.policyRevision = Math.max(this.policyRevision, finding.policyRevision);
    this.primaryKeys.add(finding.primaryKey);
    addAll(this.sources, finding.sources);
    addAll(this.targets, finding.targets);
    addAll(this.ports, finding.ports);
    for (const factor of finding.factors) this.addFactor(factor);
    this.contacts.raise(finding.view, finding.primaryKey, finding.contactCount);
    for (const { sensor, contactCount, firstSeenMs, lastSeenMs } of finding.evidence)
      this.evidenceOf(sensor, firstSeenMs, lastSeenMs).contacts.raise(
        finding.view,
        finding.primaryKey,
        contactCount,
      );
    this.raiseCounts(finding);
    this.addSamples(finding.samples.map((sample) => sampleOf(sample, sensorName)));
  }

  /** Takes over another incident that turned out to be part of this one. */
  absorb(other: IncidentDraft): void {
    this.severity = higher(this.severity, other.severity);
    this.confidence = Math.max(this.confidence, other.confidence);
    for (const factor of other.factors.values()) this.addFactor(factor);
    this.rollUp(other);
  }

  /** Takes over what was seen, but not how bad and how certain it was. */
  rollUp(other: IncidentDraft): void {
    this.firstSeenMs = Math.min(this.firstSeenMs, other.firstSeenMs);
    this.lastSeenMs = Math.max(this.lastSeenMs, other.lastSeenMs);
    this.lastSliceEndMs = Math.max(this.lastSliceEndMs, other.lastSliceEndMs);
    this.sourceVerified ||= other.sourceVerified;
    this.origin = strongerOrigin(this.origin, other.origin);
    for (const key of other.primaryKeys) this.primaryKeys.add(key);
    addAll(this.sources, [...other.sources]);
    addAll(this.targets, [...other.targets]);
    addAll(this.ports, [...other.ports]);
    this.contacts.absorb(other.contacts);
    for (const [sensor, { contacts, firstSeenMs, lastSeenMs }] of other.evidence)
      this.evidenceOf(sensor, firstSeenMs, lastSeenMs).contacts.absorb(contacts);
    this.raiseCounts(other);
    this.addSamples(other.samples);
    other.mergedInto = this.id;
  }

  /** Counts sources beyond those that an incident lists. */
  countSources(sources: Iterable<string>): void {
    for (const source of this.countedSources.size === 0 ? this.sources : []) this.countedSources.add(source);
    for (const source of sources)
      if (this.countedSources.size < countedSourcesMax) this.countedSources.add(source);
    this.sourceCount = Math.max(this.sourceCount, this.countedSources.size);
  }

  get contactCount(): number {
    return this.contacts.total();
  }

  /** Changes whenever the content does, and costs far less to compare. */
  fingerprint(): string {
    let seen = 0;
    for (const { contacts } of this.evidence.values()) seen += contacts.total();
    return [
      this.kind,
      this.severity,
      this.confidence,
      this.firstSeenMs,
      this.lastSeenMs,
      this.lastSliceEndMs,
      this.confirmed,
      this.mergedInto,
      this.sourceCount,
      this.targetCount,
      this.portCount,
      this.contacts.total(),
      this.evidence.size,
      seen,
      this.refusedMembers,
      this.sourceVerified,
      this.origin,
    ].join("|");
  }

  /** The incident's content; state, revision and times of update are the caller's. */
  content(
    sensorName: (sensor: number) => string,
  ): Omit<
    Incident,
    "revision" | "updateMs" | "state" | "summary" | "technique" | "coverage" | "retractReason" | "review"
  > {
    return {
      id: this.id,
      kind: this.kind,
      severity: this.severity,
      confidence: this.confidence,
      confirmation: this.confirmed ? "confirmed" : "provisional",
      firstSeenMs: this.firstSeenMs,
      lastSeenMs: this.lastSeenMs,
      sources: [...this.sources].sort(),
      targets: [...this.targets].sort(),
      ports: [...this.ports].sort(),
      sourceCount: this.sourceCount,
      targetCount: this.targetCount,
      portCount: this.portCount,
      contactCount: this.contacts.total(),
      factors: [...this.factors.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
      evidence: [...this.evidence]
        .map(([sensor, { contacts, firstSeenMs, lastSeenMs }]) => ({
          sensor: sensorName(sensor),
          contactCount: contacts.total(),
          firstSeenMs,
          lastSeenMs,
        }))
        .sort((a, b) => (a.sensor < b.sensor ? -1 : 1)),
      samples: this.samples,
      mergedInto: this.mergedInto,
      policyRevision: this.policyRevision,
      sourceVerified: this.sourceVerified,
      origin: this.origin,
    };
  }

  private addFactor(factor: ScoreFactor): void {
    const known = this.factors.get(factor.name);
    if (
      known === undefined ||
      factor.weight > known.weight ||
      (factor.weight === known.weight && factor.value > known.value)
    )
      this.factors.set(factor.name, factor);
  }

  private evidenceOf(sensor: number, firstSeenMs: number, lastSeenMs: number): DraftEvidence {
    let known = this.evidence.get(sensor);
    if (known === undefined)
      this.evidence.set(sensor, (known = { contacts: new ViewCounts(), firstSeenMs, lastSeenMs }));
    known.firstSeenMs = Math.min(known.firstSeenMs, firstSeenMs);
    known.lastSeenMs = Math.max(known.lastSeenMs, lastSeenMs);
    return known;
  }

  private raiseCounts(from: { sourceCount: number; targetCount: number; portCount: number }): void {
    this.sourceCount = Math.max(this.sourceCount, from.sourceCount, this.sources.size);
    this.targetCount = Math.max(this.targetCount, from.targetCount, this.targets.size);
    this.portCount = Math.max(this.portCount, from.portCount, this.ports.size);
  }

  /** The earliest samples, each contact once. */
  private addSamples(samples: readonly ContactSample[]): void {
    const unique = new Map<string, ContactSample>();
    for (const sample of [...this.samples, ...samples])
      unique.set(`${sample.timeMs}|${sample.source}|${sample.destination}|${sample.port}`, sample);
    this.samples = [...unique]
      .sort((a, b) => a[1].timeMs - b[1].timeMs || (a[0] < b[0] ? -1 : 1))
      .slice(0, samplesMax)
      .map(([, sample]) => sample);
  }
}

/** Key under which the counts of a stored incident are kept. */
const storedKey = "stored";

function sampleOf(sample: Finding["samples"][number], sensorName: (sensor: number) => string): ContactSample {
  return {
    timeMs: sample.firstMs,
    source: formatAddressKey(sample.source),
    destination: formatAddressKey(sample.destination),
    port: formatPort(sample.port, sample.protocol),
    outcome: outcomeNames[sample.outcome] ?? "unknown",
    sensors: sample.sensors.map(sensorName).sort(),
  };
}

function higher(a: Severity, b: Severity): Severity {
  return severities.indexOf(a) >= severities.indexOf(b) ? a : b;
}

function addAll(into: Set<string>, values: readonly string[]): void {
  for (const value of values) {
    if (into.size >= partiesMax) return;
    into.add(value);
  }
}
