import type { CoverageHistory } from "../sensors/coverage-history.js";
import { drillGapMs, isDrill } from "./drill.js";
import { IncidentCoverage } from "./incident-coverage.js";
import type { IncidentDraft } from "./incident-draft.js";
import type { IncidentGroups } from "./incident-groups.js";
import { renderIncident } from "./incident-render.js";
import { withoutReview } from "./incident-review.js";
import type { Incident, IncidentEvent, IncidentEventType, IncidentState } from "./incident.js";

/** An incident that goes on changing is told at most this often. */
export const updateEveryMs = 1000;
const quietAfterMs = 3_600_000;

/** What the moment of publishing adds to the incidents. */
export interface PublishContext {
  readonly nowMs: number;
  readonly foldedUntilMs: number;
  readonly sessionGapMs: number;
  /** Whether what is no longer shown is over; not while the windows are rebuilt. */
  readonly isComplete: boolean;
  readonly isInside: (address: string) => boolean;
  readonly sensorName: (sensor: number) => string;
}

/** What was last said about one incident. */
interface Published {
  incident: Incident;
  /** Of the draft it was made from, to see whether anything changed; empty when not known. */
  fingerprint: string;
  atMs: number;
  /** Size at the last notification. */
  notifiedContacts: number;
}

/**
 * Compares what the grouping shows with what was published and makes the events
 * between the two. A provisional incident keeps the id it was first told with
 * while it grows; when its slices close it takes the id of the fold.
 */
export class IncidentPublisher {
  private readonly published = new Map<string, Published>();
  private readonly coverage: IncidentCoverage;
  private knownAliases = new Map<string, string>();

  /** @param history what the sensors did not see, which the caller keeps current */
  constructor(private readonly history: CoverageHistory) {
    this.coverage = new IncidentCoverage(history);
  }

  restore(incident: Incident): void {
    this.published.set(incident.id, {
      incident: withoutReview(incident),
      fingerprint: "",
      atMs: 0,
      notifiedContacts: incident.contactCount,
    });
  }

  forget(id: string): void {
    this.published.delete(id);
  }

  /**
   * Events between what was published and what the view shows.
   * @param changed ids of the drafts to look at; all of them, and what is gone, when undefined
   */
  take(
    view: IncidentGroups,
    changed: readonly string[] | undefined,
    context: PublishContext,
  ): IncidentEvent[] {
    const aliases = changed === undefined ? this.aliases(view) : this.knownAliases;
    if (changed === undefined) this.refreshCoverage(view);
    const events: IncidentEvent[] = [];
    for (const draft of changed === undefined ? view.all() : draftsOf(view, changed)) {
      const id = aliases.get(draft.id) ?? draft.id;
      const event = this.eventFor(draft, id, aliases.get(draft.mergedInto) ?? draft.mergedInto, context);
      if (event !== undefined) events.push(event);
    }
    if (changed === undefined && context.isComplete) this.retireMissing(view, aliases, context, events);
    return events;
  }

  private refreshCoverage(view: IncidentGroups): void {
    this.coverage.keepOnly((id) => view.get(id) !== undefined);
    const span = this.history.takeChanged();
    if (span !== undefined) this.coverage.lookAgain(span);
  }

  private retireMissing(
    view: IncidentGroups,
    aliases: ReadonlyMap<string, string>,
    context: PublishContext,
    events: IncidentEvent[],
  ): void {
    const taken = new Set(aliases.values());
    for (const [id, known] of this.published)
      if (view.get(id) === undefined && !taken.has(id)) this.retire(known, view, context, events);
  }

  /**
   * Draft id to the id under which it is already known: a provisional incident
   * whose opening finding changed keeps its first id until it is confirmed.
   */
  private aliases(view: IncidentGroups): Map<string, string> {
    const aliases = new Map<string, string>();
    for (const [id, { incident }] of this.published) {
      if (view.get(id) !== undefined || !isProvisional(incident)) continue;
      const successor = successorOf(incident, view);
      if (
        successor !== undefined &&
        !successor.confirmed &&
        !this.published.has(successor.id) &&
        !aliases.has(successor.id)
      )
        aliases.set(successor.id, id);
    }
    this.knownAliases = aliases;
    return aliases;
  }

  private eventFor(
    draft: IncidentDraft,
    id: string,
    mergedInto: string,
    context: PublishContext,
  ): IncidentEvent | undefined {
    const known = this.published.get(id);
    if (mergedInto !== "" && (known === undefined || known.incident.mergedInto === mergedInto))
      return undefined;
    const state = stateOf(draft, known, context);
    const covered = this.coverage.of(draft, known?.incident.coverage.lapses ?? []);
    const fingerprint = `${draft.fingerprint()}|${state}|${mergedInto}|${covered.fingerprint}`;
    if (known?.fingerprint === fingerprint) return undefined;
    if (known !== undefined && !isDue(known, draft, state, mergedInto, context)) return undefined;
    const incident = { ...this.render(draft, known, state, context), id, mergedInto };
    const type = typeOf(known?.incident, incident);
    if (known !== undefined && type === "updated" && contentOf(known.incident) === contentOf(incident))
      return remember(known, fingerprint);
    const notify =
      (type === "opened" || (type === "updated" && isNews(known, incident))) && !isDrill(incident);
    this.published.set(id, {
      incident,
      fingerprint,
      atMs: context.nowMs,
      notifiedContacts: notify ? incident.contactCount : (known?.notifiedContacts ?? 0),
    });
    return { type, incident, notify };
  }

  private render(
    draft: IncidentDraft,
    known: Published | undefined,
    state: IncidentState,
    context: PublishContext,
  ): Incident {
    return renderIncident(draft, {
      state,
      revision: (known?.incident.revision ?? 0) + 1,
      updateMs: context.nowMs,
      retractReason: "",
      coverage: this.coverage.of(draft, known?.incident.coverage.lapses ?? []).coverage,
      sensorName: context.sensorName,
      isInside: context.isInside,
    });
  }

  /** An incident that is no longer shown: part of another now, or never confirmed. */
  private retire(
    known: Published,
    view: IncidentGroups,
    context: PublishContext,
    events: IncidentEvent[],
  ): void {
    const { incident } = known;
    if (!isProvisional(incident)) return;
    const successor = successorOf(incident, view);
    const change: Partial<Incident> =
      successor === undefined
        ? { state: "retracted", retractReason: "its closed windows did not confirm it" }
        : { state: "merged", mergedInto: successor.id };
    const next: Incident = {
      ...incident,
      ...change,
      revision: incident.revision + 1,
      updateMs: context.nowMs,
    };
    this.published.set(incident.id, {
      ...known,
      incident: next,
      fingerprint: "",
      atMs: context.nowMs,
    });
    events.push({ type: successor === undefined ? "retracted" : "merged", incident: next, notify: false });
  }
}

/** A mere update waits until the last one is so old; what else there is to say does not. */
function isDue(
  { incident, atMs }: Published,
  draft: IncidentDraft,
  state: IncidentState,
  mergedInto: string,
  { nowMs }: PublishContext,
): boolean {
  if (nowMs - atMs >= updateEveryMs || mergedInto !== "" || state === "closed") return true;
  return incident.confirmation === "provisional" && draft.confirmed;
}

/** Nothing to tell after all. */
function remember(known: Published, fingerprint: string): undefined {
  known.fingerprint = fingerprint;
}

function* draftsOf(view: IncidentGroups, ids: readonly string[]): Iterable<IncidentDraft> {
  for (const id of ids) {
    const draft = view.get(id);
    if (draft !== undefined) yield draft;
  }
}

function isProvisional(incident: Incident): boolean {
  return (
    incident.confirmation === "provisional" && incident.state !== "merged" && incident.state !== "retracted"
  );
}

/** The shown incident of the same kind family that now holds this one's sources, if any. */
function successorOf(incident: Incident, view: IncidentGroups): IncidentDraft | undefined {
  for (const draft of view.all()) {
    if (draft.mergedInto !== "" || draft.sources.size + draft.targets.size === 0) continue;
    const parties = incident.sources.length > 0 ? incident.sources : incident.targets;
    const held = incident.sources.length > 0 ? draft.sources : draft.targets;
    if (
      parties.length > 0 &&
      parties.every((party) => held.has(party)) &&
      draft.lastSeenMs >= incident.firstSeenMs
    )
      return draft;
  }
  return undefined;
}

function stateOf(draft: IncidentDraft, known: Published | undefined, context: PublishContext): IncidentState {
  const quietMs = Number.isFinite(context.foldedUntilMs) ? context.foldedUntilMs - draft.lastSliceEndMs : 0;
  const isDrilled = known !== undefined && isDrill(known.incident);
  if (quietMs > (isDrilled ? drillGapMs : context.sessionGapMs)) return "closed";
  if (quietMs > quietAfterMs) return "quiet";
  return known === undefined || (known.incident.state === "open" && sameSize(known.incident, draft))
    ? "open"
    : "growing";
}

function sameSize(incident: Incident, draft: IncidentDraft): boolean {
  return (
    incident.sourceCount === draft.sourceCount &&
    incident.targetCount === draft.targetCount &&
    incident.portCount === draft.portCount
  );
}

function typeOf(known: Incident | undefined, incident: Incident): IncidentEventType {
  if (known === undefined) return "opened";
  if (incident.mergedInto !== "") return "merged";
  if (incident.state === "closed") return "closed";
  if (known.confirmation === "provisional" && incident.confirmation === "confirmed") return "confirmed";
  return "updated";
}

/** A new target, port or sensor, or tenfold growth. */
function isNews(known: Published | undefined, incident: Incident): boolean {
  if (known === undefined) return true;
  const before = known.incident;
  // Its targets and ports are of no interest one by one.
  if (incident.kind === "background_scanning") return incident.contactCount >= known.notifiedContacts * 10;
  return (
    incident.targetCount > before.targetCount ||
    incident.portCount > before.portCount ||
    incident.evidence.length > before.evidence.length ||
    incident.contactCount >= known.notifiedContacts * 10
  );
}

/** What makes two renderings the same: everything but revision and time of update. */
function contentOf(incident: Incident): string {
  const { revision: _revision, updateMs: _updateMs, ...content } = incident;
  return JSON.stringify(content);
}
