import ipaddr from "ipaddr.js";
import { formatAddressKey, prefixOf } from "../windows/address-key.js";
import { isDrill } from "./drill.js";
import type { IncidentFilter } from "./incident-store.js";
import { severities, type Incident } from "./incident.js";

/**
 * A test for the incidents a filter asks for; prepare it once, use it for many.
 * Merged and retracted incidents match only when asked for, by
 * `includeInactive` or by naming their state; drills only by `includeInactive`.
 */
export function incidentMatcher(filter: IncidentFilter): (incident: Incident) => boolean {
  const minSeverity = filter.minSeverity === undefined ? 0 : severities.indexOf(filter.minSeverity);
  const sources = filter.source === undefined ? undefined : addressNames(filter.source);
  const targets = filter.target === undefined ? undefined : addressNames(filter.target);
  const { sensor } = filter;
  return (incident) =>
    isStateWanted(incident, filter) &&
    (filter.includeInactive === true || !isDrill(incident)) &&
    (!filter.kinds?.length || filter.kinds.includes(incident.kind)) &&
    severities.indexOf(incident.severity) >= minSeverity &&
    (filter.seenAfterMs === undefined || incident.lastSeenMs >= filter.seenAfterMs) &&
    (filter.seenBeforeMs === undefined || incident.firstSeenMs <= filter.seenBeforeMs) &&
    (filter.acknowledged === undefined ||
      filter.acknowledged === (incident.review.acknowledgement !== undefined)) &&
    (sources === undefined || incident.sources.some((source) => sources.has(source))) &&
    (targets === undefined || incident.targets.some((target) => targets.has(target))) &&
    (sensor === undefined || incident.evidence.some((evidence) => evidence.sensor === sensor));
}

/** Retracted or part of another incident: kept for the record, not shown unasked. */
export function isInactive(incident: Incident): boolean {
  return incident.state === "merged" || incident.state === "retracted";
}

function isStateWanted(incident: Incident, filter: IncidentFilter): boolean {
  if (filter.states?.length) return filter.states.includes(incident.state);
  return filter.includeInactive === true || !isInactive(incident);
}

/** How incidents may name this address: itself, its /64, and the group of sources it belongs to. */
function addressNames(text: string): Set<string> {
  const names = new Set([text]);
  if (!ipaddr.isValid(text)) return names;
  const key = String.fromCharCode(...ipaddr.process(text).toByteArray());
  names.add(formatAddressKey(key)).add(formatAddressKey(prefixOf(key)));
  if (key.length === 16) names.add(formatAddressKey(key.slice(0, 8)));
  return names;
}
