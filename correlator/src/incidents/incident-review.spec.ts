import { describe, expect, it } from "vitest";
import {
  buildEvent,
  buildIncident,
  buildReview,
  buildReviewChange,
} from "../adapters/memory/incident-fixture.js";
import { newEvents, noteBytesMax, reviewEvent, withoutReview, type ReviewChange } from "./incident-review.js";
import { emptyReview, type Incident, type IncidentEvent } from "./incident.js";

/** The incident after these changes, one after the other. */
function after(incident: Incident, ...changes: Partial<ReviewChange>[]): Incident {
  return changes.reduce<Incident>(
    (known, change, i) =>
      reviewEvent(known, buildReviewChange({ requestId: `r-${i}`, ...change }))?.incident ?? known,
    incident,
  );
}

/** The one event that a store makes of what the grouping says next. */
function told(
  known: Incident,
  fields: Partial<Incident>,
  type: IncidentEvent["type"] = "updated",
): IncidentEvent {
  const [event] = newEvents([{ ...buildEvent({ revision: 2, ...fields }, type) }], () => known);
  return event;
}

const open = buildIncident();

describe("what a person says of an incident", () => {
  it("acknowledges it, with a note, once", () => {
    const change = buildReviewChange({ note: "mine" });
    const event = reviewEvent(open, change);
    expect(event).toMatchObject({ type: "acknowledged", notify: false });
    expect(event?.incident).toMatchObject({
      revision: 2,
      state: "open",
      updateMs: change.timeMs,
      review: {
        revision: 1,
        acknowledgement: { author: "ana@lab", timeMs: change.timeMs },
        notes: [{ author: "ana@lab", timeMs: change.timeMs, text: "mine" }],
      },
    });
    expect(reviewEvent(event?.incident ?? open, change)).toBeUndefined();
  });

  it("keeps the first of two acknowledgements and the second one's note", () => {
    const incident = after(open, {}, { author: "bo@lab", note: "me too" });
    expect(incident.review.acknowledgement?.author).toBe("ana@lab");
    expect(incident.review.notes).toMatchObject([{ author: "bo@lab", text: "me too" }]);
    expect(reviewEvent(incident, buildReviewChange({ requestId: "another" }))).toBeUndefined();
  });

  it("closes it", () => {
    const event = reviewEvent(open, buildReviewChange({ action: "close" }));
    expect(event).toMatchObject({
      type: "closed",
      incident: { state: "closed", review: { closing: { lastSeenMs: open.lastSeenMs } } },
    });
  });

  it("is refused when the incident is at another revision, unless it was done before", () => {
    const change = buildReviewChange({ revision: 1 });
    const incident = after(open, change);
    expect(reviewEvent(incident, change)).toBeUndefined();
    expect(() => reviewEvent(incident, { ...change, requestId: "other" })).toThrow(
      expect.objectContaining({ code: "CONFLICT", field: "revision" }),
    );
  });

  it("says which incident holds one that was merged, and still takes notes of it", () => {
    const merged = buildIncident({ state: "merged", mergedInto: "00000000000000bb" });
    for (const action of ["acknowledge", "close"] as const)
      expect(() => reviewEvent(merged, buildReviewChange({ action }))).toThrow(/00000000000000bb/);
    expect(reviewEvent(merged, buildReviewChange({ action: "annotate", note: "x" }))?.type).toBe("annotated");
  });

  it("is refused beyond 64 notes and beyond 64 KiB of them", () => {
    const note = (text: string) => (_: unknown, i: number) =>
      ({ action: "annotate", note: text, requestId: `n-${i}` }) as const;
    const many = after(open, ...Array.from({ length: 64 }, note("short")));
    const long = after(open, ...Array.from({ length: 16 }, note("\u00e9".repeat(noteBytesMax / 2))));
    for (const incident of [many, long])
      expect(() => reviewEvent(incident, buildReviewChange({ note: "one more" }))).toThrow(
        expect.objectContaining({ code: "INVALID_ARGUMENT", field: "acknowledge.note" }),
      );
    expect(many.review.requestIds).toHaveLength(32);
  });
});

describe("what the grouping says of an incident with a review", () => {
  const acknowledged = after(open, { note: "mine" });
  const closed = after(open, {}, { action: "close" });

  it("keeps the review and counts its changes", () => {
    const event = told(acknowledged, { contactCount: 9, state: "growing" });
    expect(event.incident).toMatchObject({ revision: 3, contactCount: 9, state: "growing" });
    expect(event.incident.review).toEqual(acknowledged.review);
  });

  it("is not news when it is held already", () => {
    expect(newEvents([buildEvent({ revision: 1 })], () => acknowledged)).toEqual([]);
  });

  it("leaves a closed incident closed while nothing more is seen", () => {
    const event = told(closed, { state: "growing", confirmation: "confirmed" });
    expect(event).toMatchObject({ type: "updated", notify: false, incident: { state: "closed" } });
  });

  it.each([
    ["it was seen later", { lastSeenMs: open.lastSeenMs + 1 }, false],
    ["it has a new target", { targetCount: 3 }, true],
  ])("reopens a closed incident when %s", (_why, fields, notify) => {
    const known = { ...buildEvent({ revision: 2, state: "growing", ...fields }, "updated"), notify };
    const [event] = newEvents([known], () => closed);
    expect(event).toMatchObject({
      type: "reopened",
      notify: true,
      incident: { state: "reopened", revision: 5 },
    });
    expect(event.incident.review).toMatchObject({ revision: 3, requestIds: ["r-0", "r-1"] });
    expect(event.incident.review.acknowledgement).toBeUndefined();
    expect(event.incident.review.closing).toBeUndefined();
    expect(told(event.incident, { revision: 3, state: "growing" }).incident.state).toBe("reopened");
    expect(told(event.incident, { revision: 3, state: "quiet" }).incident.state).toBe("quiet");
    expect(newEvents([known], () => event.incident)).toEqual([]);
  });

  it("ends it for good when it is merged or was quiet for long", () => {
    const late = { lastSeenMs: open.lastSeenMs + 1 };
    expect(told(closed, { ...late, state: "merged", mergedInto: "b" }, "merged").incident.state).toBe(
      "merged",
    );
    expect(told(closed, { ...late, state: "closed" }, "closed")).toMatchObject({
      type: "closed",
      incident: { state: "closed", review: closed.review },
    });
  });

  it("gives the review of a provisional incident to the one that it is under its confirmed id", () => {
    const provisional = { ...acknowledged, confirmation: "provisional" } as const;
    const heir = buildIncident({ id: "00000000000000bb" });
    const end = buildEvent({ revision: 2, state: "merged", mergedInto: heir.id }, "merged");
    const stored = new Map([provisional, heir].map((incident) => [incident.id, incident]));
    const commit = (events: IncidentEvent[]): IncidentEvent[] => {
      const fresh = newEvents(events, (id) => stored.get(id));
      for (const { incident } of fresh.slice(0, 1)) stored.set(incident.id, incident);
      return fresh;
    };
    const [first, second] = commit([end]);
    expect(first).toMatchObject({ type: "acknowledged", incident: { id: heir.id, revision: 2 } });
    expect(first.incident.review).toEqual(acknowledged.review);
    expect(second).toMatchObject({ type: "merged", incident: { id: open.id, state: "merged" } });
    // Only the first of the two was written before a crash: what remains is the second.
    expect(commit([end])).toEqual([second]);
  });

  it("keeps a part's review with the part when it joins something larger", () => {
    const heir = buildIncident({ id: "00000000000000bb", kind: "campaign" });
    const provisional = { ...acknowledged, confirmation: "provisional" } as const;
    const end = buildEvent({ revision: 2, state: "merged", mergedInto: heir.id }, "merged");
    const events = newEvents([end], (id) => (id === heir.id ? heir : provisional));
    expect(events.map(({ incident }) => incident.id)).toEqual([open.id]);
  });

  it("is what remains without the review", () => {
    expect(withoutReview(acknowledged)).toMatchObject({ revision: 1, review: emptyReview });
    expect(withoutReview(buildIncident({ revision: 9, review: buildReview() })).revision).toBe(6);
  });
});
