import type { Fold, FoldChange } from "./fold.js";
import type { ReviewChange } from "./incident-review.js";
import type { Finding, Incident, IncidentEvent, IncidentKind, IncidentState, Severity } from "./incident.js";

/** Filter of a listing or a watch; an empty list or absent field matches everything. */
export interface IncidentFilter {
  readonly kinds?: readonly IncidentKind[];
  readonly minSeverity?: Severity;
  readonly states?: readonly IncidentState[];
  readonly source?: string;
  readonly target?: string;
  readonly sensor?: string;
  readonly seenAfterMs?: number;
  readonly seenBeforeMs?: number;
  /** Also merged and retracted incidents, and drills. */
  readonly includeInactive?: boolean;
  /** Only those that somebody acknowledged, or only those that nobody did. */
  readonly acknowledged?: boolean;
}

/** An event with the cursor that resumes right after it. */
export type WatchItem =
  | { readonly kind: "event"; readonly cursor: string; readonly event: IncidentEvent }
  | { readonly kind: "gap"; readonly cursor: string; readonly reason: string; readonly missedEvents: number };

/**
 * Current incidents and the log of their events. The event log is the durable
 * record: `commit` appends to it first and then writes the current state; the
 * same commit again changes nothing (events are identified by incident id and
 * revision). What people say of an incident is an event like any other and
 * stays with it through every commit.
 */
export interface IncidentStore {
  /** Every incident that is not closed for longer than the session gap, for the grouping. */
  loadAll(): Promise<Incident[]>;
  /**
   * Appends events and replaces the incidents' current state, except for their
   * reviews: the grouping counts its own revisions and knows of no review.
   * @param fence number of the lease under which this was computed; a commit
   * with a lower fence than one already seen is refused and resolves to false.
   */
  commit(events: readonly IncidentEvent[], fence: number): Promise<boolean>;
  /**
   * Appends what a person says of an incident; resolves to the incident as it is
   * then, undefined when there is none of this id. Throws PicketError like
   * `reviewEvent`, and SERVER_UNREACHABLE, after which the same request may be
   * made again.
   */
  review(change: ReviewChange): Promise<Incident | undefined>;
  get(id: string): Promise<Incident | undefined>;
  /**
   * Every stored incident that matches, in no particular order; `stale` when the store cannot be
   * reached and this is the last known. Throws PicketError SERVER_UNREACHABLE when nothing is.
   */
  list(filter: IncidentFilter): Promise<{ incidents: Incident[]; stale: boolean }>;
  /**
   * Events after the cursor, then new ones as they come, until `signal` aborts.
   * Cursor "" is from now on, "0" everything retained. A reader that falls more
   * than the store's bound behind gets a gap item and goes on from there.
   * Throws PicketError INVALID_ARGUMENT for a cursor that is not one.
   */
  watch(cursor: string, signal: AbortSignal): AsyncIterable<WatchItem>;
  /**
   * The cursor after the newest event: a watch from it gets every later one.
   * A store without it cannot tell a new watcher where it started.
   */
  latestCursor?(): Promise<string>;
  close(): Promise<void>;
}

export type FoldSaving = "saved" | "refused" | "absent";

/** What correlators tell the grouping. */
export type BoardEntry =
  | { readonly kind: "finding"; readonly finding: Finding }
  /**
   * Every slice of the partition that ends at or before `untilMs` is closed; its
   * confirmed findings were posted before. With `afterMs` it holds only while
   * the partition is closed until then: not when its windows were lost since.
   */
  | {
      readonly kind: "closed";
      readonly partition: number;
      readonly untilMs: number;
      readonly afterMs?: number;
    };

/**
 * The board where correlators post findings and the grouping reads them: an
 * ordered, bounded log. Posting the same entry twice is harmless.
 */
export interface FindingBoard {
  /** Appends in order; all or nothing. False when a partition is not closed until its `afterMs`. */
  post(entries: readonly BoardEntry[]): Promise<boolean>;
  /**
   * Entries after a position ("" is the oldest kept), at most `entriesMax`, with the position after the last.
   * @param untilPosition none after this one
   */
  read(
    position: string,
    entriesMax: number,
    untilPosition?: string,
  ): Promise<{ entries: BoardEntry[]; position: string }>;
  /** What the grouping had folded; undefined where nothing is stored or another version stored it. */
  loadFold(): Promise<Fold | undefined>;
  /**
   * Stores what the grouping folded, under its lease.
   * @returns "refused" when a higher fence was seen; "absent" when what this change builds on is
   * not stored, so that the whole fold must be
   */
  saveFold(change: FoldChange, fence: number): Promise<FoldSaving>;
  /** Until when each partition is closed, milliseconds; index is the partition, 0 where never. */
  closedUntil(): Promise<Float64Array>;
  close(): Promise<void>;
}
