import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { serviceKey } from "../windows/contact-key.js";
import { contactSliceMs } from "../windows/window-store.js";
import type { CrowdMembers } from "./crowd-contacts.js";
import type { SourcedContact } from "./finding-builder.js";

/**
 * Contacts of inside clients that a known service answered within the day and
 * that fail at it now: they are no failed first contacts, but a service that all
 * its clients lose at once is down. When in the slice each of them failed is not
 * kept: they count at its start.
 */
export function lostContacts({ key, sources, isInside, isKnownService }: CrowdMembers): SourcedContact[] {
  if (key.kind !== "service" || !isKnownService) return [];
  const startMs = key.slice * contactSliceMs;
  return sources.flatMap(({ source, answered }): SourcedContact[] => {
    if (!isInside(source)) return [];
    const served = answered.find(
      ({ destination, port, protocol }) => serviceKey(destination, port, protocol) === key.subject,
    );
    // Served for the first time in this slice: it works.
    if (served === undefined || served.firstMs >= startMs) return [];
    return [{ source, contact: { ...served, firstMs: startMs, outcome: Outcome.ignored } }];
  });
}

/** A host that is away is missed at a few services by each client, at most. */
const clientPortsMax = 8;

/** True when most sources fail at more ports of the host than clients have use for: they lost nothing there. */
export function areScanning({ sources }: CrowdMembers, contacts: readonly SourcedContact[]): boolean {
  const [first] = contacts;
  const inCrowd = new Set(contacts.map(({ source }) => source));
  const scanning = sources.filter(
    ({ source, failed }) =>
      inCrowd.has(source) &&
      failed.filter(({ destination }) => destination === first.contact.destination).length > clientPortsMax,
  );
  return scanning.length * 2 > inCrowd.size;
}
