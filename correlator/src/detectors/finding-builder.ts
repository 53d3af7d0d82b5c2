import { formatAddressKey, type AddressKey } from "../windows/address-key.js";
import { formatPort } from "../windows/contact-key.js";
import type {
  Finding,
  FindingContact,
  FindingView,
  IncidentKind,
  IncidentOrigin,
  ScoreFactor,
  Severity,
} from "../incidents/incident.js";
import { ContactTrait } from "../windows/contact-traits.js";
import type { Contact } from "../windows/window-store.js";

/** Most sources, targets and ports that a finding lists; its counts are of all. */
export const partiesMax = 256;
/** Most contacts that a finding shows as samples. */
export const samplesMax = 8;
/** Numbers of protocols. */
const protocols = 256;

/** A contact with the source that made it. */
export interface SourcedContact {
  readonly source: AddressKey;
  readonly contact: Contact;
}

/** What a detector decided; parties and evidence are worked out from the contacts. */
export interface Verdict {
  readonly kind: IncidentKind;
  readonly view: FindingView;
  readonly primaryKey: string;
  readonly partition: number;
  readonly sliceStartMs: number;
  readonly sliceEndMs: number;
  readonly confirmed: boolean;
  readonly severity: Severity;
  readonly factors: readonly ScoreFactor[];
  readonly refusedMembers: number;
  readonly sourceVerified: boolean;
  readonly policyRevision: number;
}

/** Builds the finding of a verdict over its contacts; the contacts must not be empty. */
export function findingOf(verdict: Verdict, contacts: readonly SourcedContact[]): Finding {
  const [sourceKeys, targetKeys, portKeys] = [new Set<string>(), new Set<string>(), new Set<number>()];
  for (const { source, contact } of contacts) {
    sourceKeys.add(source);
    targetKeys.add(contact.destination);
    portKeys.add(contact.port * protocols + contact.protocol);
  }
  const sources = distinct(sourceKeys, formatAddressKey);
  const targets = distinct(targetKeys, formatAddressKey);
  const ports = distinct(portKeys, (key) => formatPort(Math.floor(key / protocols), key % protocols));
  const times = contacts.map(({ contact }) => contact.firstMs);
  return {
    ...verdict,
    confidence: confidenceOf(verdict.factors),
    sources: sources.slice(0, partiesMax),
    targets: targets.slice(0, partiesMax),
    ports: ports.slice(0, partiesMax),
    sourceCount: sources.length,
    targetCount: targets.length,
    portCount: ports.length,
    contactCount: contacts.length + verdict.refusedMembers,
    firstSeenMs: times.reduce((a, b) => Math.min(a, b), Infinity),
    lastSeenMs: times.reduce((a, b) => Math.max(a, b), -Infinity),
    evidence: evidenceOf(contacts),
    origin: originOf(contacts),
    samples: contacts.slice(0, samplesMax).map(sampleOf),
  };
}

/** Additive: the factors' weights, at most 0.99. */
export function confidenceOf(factors: readonly ScoreFactor[]): number {
  const sum = factors.reduce((total, factor) => total + factor.weight, 0);
  return Math.round(Math.min(0.99, Math.max(0, sum)) * 1000) / 1000;
}

/** Adds `step` for each doubling of value over threshold, at most `most`. */
export function marginWeight(value: number, threshold: number, step: number, most: number): number {
  if (value <= threshold || threshold <= 0) return 0;
  return Math.min(most, step * Math.log2(value / threshold));
}

/** By the contact that says most. */
function originOf(contacts: readonly SourcedContact[]): IncidentOrigin {
  const { atOrigin, atTarget } = ContactTrait;
  let seen = 0;
  for (const { contact } of contacts) {
    const ends = contact.traits & (atOrigin | atTarget);
    if (ends === (atOrigin | atTarget)) return "confirmed_at_origin";
    seen |= ends;
  }
  if ((seen & atOrigin) !== 0) return "seen_at_origin_only";
  return seen === 0 ? "unknown" : "seen_at_target_only";
}

function evidenceOf(contacts: readonly SourcedContact[]): Finding["evidence"] {
  const bySensor = new Map<number, { contactCount: number; firstSeenMs: number; lastSeenMs: number }>();
  for (const { contact } of contacts)
    for (const sensor of contact.sensors) {
      const known = bySensor.get(sensor) ?? { contactCount: 0, firstSeenMs: Infinity, lastSeenMs: -Infinity };
      known.contactCount++;
      known.firstSeenMs = Math.min(known.firstSeenMs, contact.firstMs);
      known.lastSeenMs = Math.max(known.lastSeenMs, contact.firstMs);
      bySensor.set(sensor, known);
    }
  return [...bySensor].sort((a, b) => a[0] - b[0]).map(([sensor, counts]) => ({ sensor, ...counts }));
}

function sampleOf({ source, contact }: SourcedContact): FindingContact {
  const { destination, protocol, port, firstMs, outcome, sensors } = contact;
  return { source, destination, protocol, port, firstMs, outcome, sensors };
}

/** Texts of the keys, each once and in order. */
function distinct<K>(keys: ReadonlySet<K>, format: (key: K) => string): string[] {
  const texts = new Set<string>();
  for (const key of keys) texts.add(format(key));
  return [...texts].sort();
}
