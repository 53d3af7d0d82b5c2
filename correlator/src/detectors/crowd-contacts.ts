import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { portKey, serviceKey } from "../windows/contact-key.js";
import type { SourceContacts } from "../windows/source-contacts.js";
import { contactSliceMs, type Contact, type CrowdKey } from "../windows/window-store.js";
import type { SourcedContact } from "./finding-builder.js";

const udp = 17;
/** A source with this many times the contacts of the crowd's median explains itself. */
const outlierFactor = 4;

/** A crowd's slice and the one before it, with what its sources did. */
export interface CrowdMembers {
  readonly key: CrowdKey;
  /** Contacts of at most the cap of sources, as of the end of the slice. */
  readonly sources: readonly SourceContacts[];
  /** Sources of this slice, those over the cap estimated. */
  readonly count: number;
  /** Sources that the cap refused. */
  readonly refused: number;
  /** Earlier slices with at least two sources. */
  readonly history: ReadonlyMap<number, number>;
  /** See `CrowdWindow`; the larger of the two slices. */
  readonly evenShare: number;
  readonly isInside: (address: string) => boolean;
  /** The service answered someone today or yesterday (service crowds). */
  readonly isKnownService: boolean;
}

/**
 * Failed contacts of the crowd's sources with its subject within the slice and
 * the one before, by time. Sources far above the others' median are left out:
 * they are scans of their own. So are inside sources that mostly reach what they
 * want, because one failure of theirs says little, unless they lost a service.
 */
export function crowdContacts(members: CrowdMembers): SourcedContact[] {
  const endMs = (members.key.slice + 1) * contactSliceMs;
  const most = outlierFactor * Math.max(3, median(members.sources.map(({ failed }) => failed.length)));
  const contacts: SourcedContact[] = [];
  for (const member of members.sources) {
    const { source, failed } = member;
    if (failed.length > most || (!members.isKnownService && mostlySucceeds(member, members))) continue;
    for (const contact of failed)
      if (contact.firstMs >= endMs - 2 * contactSliceMs && isAbout(contact, members))
        contacts.push({ source, contact });
  }
  return contacts.sort((a, b) => a.contact.firstMs - b.contact.firstMs || (a.source < b.source ? -1 : 1));
}

function mostlySucceeds({ source, failed, answeredHosts }: SourceContacts, members: CrowdMembers): boolean {
  return answeredHosts.size >= failed.length && members.isInside(source);
}

function isAbout(contact: Contact, { key, isInside }: CrowdMembers): boolean {
  if (contact.protocol === udp && contact.outcome <= Outcome.ignored) return false;
  if (key.kind === "prefix" || key.kind === "fingerprint") return true;
  if (key.kind === "target") return contact.destination === key.subject;
  if (key.kind === "service")
    return serviceKey(contact.destination, contact.port, contact.protocol) === key.subject;
  return portKey(contact.port, contact.protocol) === key.subject && isInside(contact.destination);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0 ? 0 : sorted[(sorted.length - 1) >>> 1];
}
