import { isDrill } from "@picket/correlator/incidents/drill.js";
import { incidentMatcher } from "@picket/correlator/incidents/incident-filter.js";
import type {
  IncidentFilter,
  IncidentStore,
  WatchItem,
} from "@picket/correlator/incidents/incident-store.js";
import type { Incident } from "@picket/correlator/incidents/incident.js";
import { whenIdle } from "./when-idle.js";

/** What a watcher is told, in domain terms. */
export type WatchResponse = WatchItem | { readonly kind: "heartbeat"; readonly cursor: string };

export interface WatchOptions {
  readonly filter: IncidentFilter;
  readonly cursor: string;
  readonly heartbeatIntervalMs: number;
  readonly signal: AbortSignal;
}

/** The first heartbeat comes soon: it proves that the watch stands and gives the cursor of its start. */
const firstHeartbeatMs = 20;

/**
 * A watch of the store as one watcher sees it: matching events, gaps, and a
 * heartbeat when nothing was sent for the interval, with the cursor of all that
 * was looked at. Endings of incidents (merged, retracted) are always told, for
 * a watcher may have been told their opening. Nothing is read ahead.
 */
export async function* watchResponses(
  store: IncidentStore,
  options: WatchOptions,
): AsyncGenerator<WatchResponse, void, void> {
  const isWanted = incidentMatcher({ ...options.filter, includeInactive: true });
  const matches = (incident: Incident): boolean =>
    isWanted(incident) && (options.filter.includeInactive === true || !isDrill(incident));
  let cursor = options.cursor === "" ? ((await store.latestCursor?.()) ?? "") : options.cursor;
  let heartbeatAtMs = performance.now() + firstHeartbeatMs;
  const items = whenIdle(store.watch(cursor, options.signal), () => heartbeatAtMs - performance.now());
  for await (const item of items) {
    if (item !== undefined) cursor = item.cursor;
    if (item !== undefined && (item.kind === "gap" || matches(item.event.incident))) yield item;
    else if (performance.now() >= heartbeatAtMs) yield { kind: "heartbeat", cursor };
    else continue;
    heartbeatAtMs = performance.now() + options.heartbeatIntervalMs;
  }
}
