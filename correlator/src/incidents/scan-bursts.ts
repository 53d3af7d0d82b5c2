import type { IncidentDraft } from "./incident-draft.js";
import { familyOf } from "./incident-id.js";

/** Families of the kinds that are scans, of one source or of several. */
const scanFamilies: ReadonlySet<string> = new Set(["scan", "crowd"]);
/** Share of a burst's hosts, and of its flows, that are those of one scan when the burst is nothing else. */
const hostsOfScanMin = 0.5;
const flowsOfScanMin = 0.5;

/** Who burst, with whom, how much and when; of a finding or of an incident. */
export interface BurstParties {
  readonly sources: Iterable<string>;
  readonly targets: Iterable<string>;
  readonly contactCount: number;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
}

/**
 * True when a cross-host burst is a scan, seen as flows: its hosts and the peer
 * that they share are on the two sides of the scan, in the same time, and the
 * scan's failed contacts are half of its flows at least. A burst of answered
 * flows is none, nor one whose hosts have no peer in common.
 */
export function isBurstOfScan(burst: BurstParties, scan: IncidentDraft): boolean {
  return (
    scanFamilies.has(familyOf(scan.kind)) &&
    burst.firstSeenMs <= scan.lastSeenMs &&
    burst.lastSeenMs >= scan.firstSeenMs &&
    scan.contactCount >= flowsOfScanMin * burst.contactCount &&
    areHeld(burst.sources, scan.sources) &&
    areHeld(burst.targets, scan.targets)
  );
}

function areHeld(parties: Iterable<string>, held: ReadonlySet<string>): boolean {
  const names = [...parties];
  const known = names.filter((name) => held.has(name)).length;
  return known > 0 && known >= hostsOfScanMin * names.length;
}
