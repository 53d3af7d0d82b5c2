import { severities } from "@picket/correlator/incidents/incident.js";
import type { Incident, IncidentKind, Severity } from "@picket/correlator/incidents/incident.js";

/** What an incident must look like; what is left out may be anything. */
export interface IncidentPattern {
  readonly kinds: readonly IncidentKind[];
  readonly severityMin?: Severity;
  readonly severityMax?: Severity;
  /** Exactly these sources. */
  readonly sources?: readonly string[];
  /** All of these among the targets. */
  readonly targets?: readonly string[];
  /** All of these among sources and targets. */
  readonly parties?: readonly string[];
  /** No other ports than these. */
  readonly ports?: readonly string[];
  readonly contactsMin?: number;
}

/** What somebody who knows a capture would say of it. */
export interface Expectation {
  /** One incident for each pattern. */
  readonly required: readonly IncidentPattern[];
  /** Any number of these may be there as well. */
  readonly allowed: readonly IncidentPattern[];
  /** Addresses that must never be the source of an incident. */
  readonly innocent: readonly string[];
}

/** How incidents differ from an expectation; all empty when they agree. */
export interface Difference {
  readonly absent: readonly IncidentPattern[];
  readonly unexpected: readonly Incident[];
  readonly accused: readonly Incident[];
}

/** Compares incidents with an expectation. */
export function differenceOf(incidents: readonly Incident[], expectation: Expectation): Difference {
  const { required, allowed, innocent } = expectation;
  const rest = [...incidents];
  const absent = required.filter((pattern) => {
    const at = rest.findIndex((incident) => matches(incident, pattern));
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
  return {
    absent,
    unexpected: rest.filter((incident) => !allowed.some((pattern) => matches(incident, pattern))),
    accused: incidents.filter(({ sources }) => sources.some((source) => innocent.includes(source))),
  };
}

function matches(incident: Incident, pattern: IncidentPattern): boolean {
  const { sources, targets, parties, ports, severityMin = "info", severityMax = "critical" } = pattern;
  const severity = severities.indexOf(incident.severity);
  return (
    pattern.kinds.includes(incident.kind) &&
    severity >= severities.indexOf(severityMin) &&
    severity <= severities.indexOf(severityMax) &&
    incident.contactCount >= (pattern.contactsMin ?? 0) &&
    (sources === undefined ||
      (sources.length === incident.sourceCount && holds(incident.sources, sources))) &&
    (targets === undefined || holds(incident.targets, targets)) &&
    (parties === undefined || holds([...incident.sources, ...incident.targets], parties)) &&
    (ports === undefined || holds(ports, incident.ports))
  );
}

function holds(all: readonly string[], some: readonly string[]): boolean {
  return some.every((one) => all.includes(one));
}
