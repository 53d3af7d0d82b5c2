import { PicketError } from "@picket/proto/picket-error.js";
import { isDrill } from "./drill.js";
import { isInactive } from "./incident-filter.js";
import {
  emptyReview,
  type Incident,
  type IncidentEvent,
  type IncidentEventType,
  type IncidentReview,
} from "./incident.js";

/** Most bytes of one note. */
export const noteBytesMax = 4096;
/** Most notes of one incident, and bytes of all of them. */
export const notesMax = 64;
export const notesBytesMax = 65_536;
const requestIdsMax = 32;

/** What a person says of an incident. */
export interface ReviewChange {
  readonly id: string;
  readonly action: "acknowledge" | "close" | "annotate";
  readonly author: string;
  readonly timeMs: number;
  /** Empty when there is none; at most `noteBytesMax`. */
  readonly note: string;
  /** Only while the incident is at this revision; 0 is at any. */
  readonly revision: number;
  /** The same request again changes nothing. */
  readonly requestId: string;
}

/**
 * The event that a change makes; undefined when it is done already.
 * Throws PicketError CONFLICT when the incident is at another revision, and
 * INVALID_ARGUMENT when it is over by itself or takes no more notes.
 */
export function reviewEvent(incident: Incident, change: ReviewChange): IncidentEvent | undefined {
  const { review } = incident;
  if (review.requestIds.includes(change.requestId)) return undefined;
  if (change.revision !== 0 && change.revision !== incident.revision) throw conflict(incident);
  if (change.action !== "annotate" && isInactive(incident)) throw inactive(incident);
  const type = typeOf(review, change);
  if (type === undefined) return undefined;
  const next: IncidentReview = {
    ...review,
    ...marksOf(incident, type, change),
    revision: review.revision + 1,
    notes: change.note === "" ? review.notes : withNote(review, change),
    requestIds: [...review.requestIds, change.requestId].slice(-requestIdsMax),
  };
  return {
    type,
    incident: {
      ...incident,
      revision: incident.revision + 1,
      updateMs: Math.max(incident.updateMs, change.timeMs),
      state: type === "closed" ? "closed" : incident.state,
      review: next,
    },
    notify: false,
  };
}

/**
 * The grouping's events that a store does not hold yet, with what people said:
 * the grouping counts its own revisions and knows of no review.
 * @param stored the incident that the store holds under an id
 */
export function newEvents(
  events: readonly IncidentEvent[],
  stored: (id: string) => Incident | undefined,
): IncidentEvent[] {
  const latest = new Map<string, Incident>();
  const current = (id: string): Incident | undefined => latest.get(id) ?? stored(id);
  const fresh: IncidentEvent[] = [];
  const add = (event: IncidentEvent): void => {
    latest.set(event.incident.id, event.incident);
    fresh.push(event);
  };
  for (const event of events) {
    const before = current(event.incident.id);
    if (before === undefined) {
      add(event);
      continue;
    }
    if (flowRevisionOf(event.incident) <= flowRevisionOf(before)) continue;
    // Before the event that ends the old id: whoever repeats half a commit finds this to do, or done.
    const heir = inheriting(before, event.incident, current(event.incident.mergedInto));
    if (heir !== undefined) add(heir);
    add(reviewed(event, before));
  }
  return fresh;
}

/** The incident as the grouping told of it: its revision alone, and no review. */
export function withoutReview(incident: Incident): Incident {
  if (incident.review.revision === 0) return incident;
  return { ...incident, revision: flowRevisionOf(incident), review: emptyReview };
}

/** Changes of the incident that did not come from people. */
function flowRevisionOf(incident: Incident): number {
  return incident.revision - incident.review.revision;
}

/** The grouping's event with the review of the incident before it, which it may reopen. */
function reviewed(event: IncidentEvent, before: Incident): IncidentEvent {
  const { incident } = event;
  const { review } = before;
  const revision = flowRevisionOf(incident) + review.revision;
  const isOver = incident.state === "closed" || isInactive(incident);
  if (isOver || review.closing === undefined) {
    const state = !isOver && staysReopened(before, incident) ? before.state : incident.state;
    return { ...event, incident: { ...incident, state, revision, review } };
  }
  if (incident.lastSeenMs <= review.closing.lastSeenMs && !event.notify)
    return { ...event, incident: { ...incident, state: "closed", revision, review } };
  return {
    type: event.type === "updated" ? "reopened" : event.type,
    incident: {
      ...incident,
      state: incident.state === "quiet" ? "quiet" : "reopened",
      revision: revision + 1,
      review: reopened(review, review.revision + 1),
    },
    notify: !isDrill(incident),
  };
}

function staysReopened(before: Incident, incident: Incident): boolean {
  return before.state === "reopened" && incident.state !== "quiet";
}

function reopened(review: IncidentReview, revision: number): IncidentReview {
  return { revision, notes: review.notes, requestIds: review.requestIds };
}

/** What people said of a provisional incident goes to the one that it is under its confirmed id. */
function inheriting(
  before: Incident,
  incident: Incident,
  heir: Incident | undefined,
): IncidentEvent | undefined {
  const { review } = before;
  if (review.revision === 0 || before.confirmation !== "provisional" || before.mergedInto !== "")
    return undefined;
  if (heir === undefined || heir.kind !== incident.kind || heir.review.revision > 0 || isInactive(heir))
    return undefined;
  const goesOn = review.closing !== undefined && heir.lastSeenMs > review.closing.lastSeenMs;
  const inherited = goesOn ? reopened(review, review.revision) : review;
  return {
    type: typeOfReview(inherited),
    incident: {
      ...heir,
      revision: heir.revision + inherited.revision,
      state: inherited.closing === undefined ? heir.state : "closed",
      review: inherited,
    },
    notify: false,
  };
}

function typeOfReview(review: IncidentReview): IncidentEventType {
  if (review.closing !== undefined) return "closed";
  return review.acknowledgement === undefined ? "annotated" : "acknowledged";
}

/** What a change comes to: of two marks the first one stays, and the second adds its note. */
function typeOf(review: IncidentReview, { action, note }: ReviewChange): IncidentEventType | undefined {
  if (action === "acknowledge" && review.acknowledgement === undefined) return "acknowledged";
  if (action === "close" && review.closing === undefined) return "closed";
  return note === "" ? undefined : "annotated";
}

function marksOf(
  { lastSeenMs }: Incident,
  type: IncidentEventType,
  { author, timeMs }: ReviewChange,
): Partial<IncidentReview> {
  if (type === "acknowledged") return { acknowledgement: { author, timeMs } };
  return type === "closed" ? { closing: { author, timeMs, lastSeenMs } } : {};
}

function withNote({ notes }: IncidentReview, change: ReviewChange): IncidentReview["notes"] {
  const { action, author, timeMs, note } = change;
  const bytes = [...notes, { text: note }].reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  if (notes.length >= notesMax || bytes > notesBytesMax) {
    const field = `${action}.note`;
    const problem = `the incident takes at most ${notesMax} notes and ${notesBytesMax / 1024} KiB in all`;
    throw new PicketError("INVALID_ARGUMENT", `${field}: ${problem}`, { field });
  }
  return [...notes, { author, timeMs, text: note }];
}

function conflict({ revision }: Incident): PicketError {
  const message = `revision: the incident is at revision ${revision} by now: read it again`;
  return new PicketError("CONFLICT", message, { field: "revision" });
}

function inactive({ id, mergedInto }: Incident): PicketError {
  const message =
    mergedInto === "" ? `id: ${id} was retracted` : `id: ${id} is part of ${mergedInto} now: give that id`;
  return new PicketError("INVALID_ARGUMENT", message, { field: "id" });
}
