import type { Incident } from "./incident.js";

/** Names of the short-lived sensors through which `picket doctor` sends its synthetic scan. */
export const drillSensorPrefix = "doctor-";

/** A drill that found nothing new for this long is closed, milliseconds. */
export const drillGapMs = 600_000;

/** Address blocks for documentation (RFC 5737), which no host has. */
const documentationPrefixes = ["192.0.2.", "198.51.100.", "203.0.113."];

/**
 * True for what `picket doctor` made: only its own sensors saw it, and every
 * party is an address for documentation. A host that happens to have such a
 * name hides nothing real.
 */
export function isDrill({
  evidence,
  sources,
  targets,
}: Pick<Incident, "evidence" | "sources" | "targets">): boolean {
  return (
    evidence.length > 0 &&
    evidence.every(({ sensor }) => isDrillSensor(sensor)) &&
    sources.length + targets.length > 0 &&
    sources.every(isDocumentation) &&
    targets.every(isDocumentation)
  );
}

export function isDrillSensor(name: string): boolean {
  return name.startsWith(drillSensorPrefix);
}

function isDocumentation(address: string): boolean {
  return documentationPrefixes.some((prefix) => address.startsWith(prefix));
}
