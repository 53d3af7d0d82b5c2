import { burstFactorName } from "../detectors/distributed-scan.js";
import { confidenceOf, marginWeight } from "../detectors/finding-builder.js";
import { incidentId } from "./incident-id.js";
import type { IncidentDraft } from "./incident-draft.js";
import type { Finding, IncidentKind } from "./incident.js";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** From so many targets on, many sources at one port are about the fleet. */
const fleetTargetsMin = 3;
const scanKinds: ReadonlySet<IncidentKind> = new Set<IncidentKind>([
  "vertical_scan",
  "horizontal_scan",
  "block_scan",
  "host_sweep",
]);

/** Sources of a day's background from which several of them meet at a port by chance. */
export const crowdedSourcesMin = 100;
/** Kinds that one source at one host is enough for. */
const singleKinds: ReadonlySet<IncidentKind> = new Set<IncidentKind>(["vertical_scan", "brute_force"]);

/** Contacts of many sources, or of one who guesses, at one host that are still its background, in those of one source. */
const crowdFactor = 4;
/** One guess a minute is slow. */
const guessesPerHour = 60;
/** Several sources are this much faster than one at the same patience. */
const slowCampaignFactor = 2;

/** What belongs to the background of a day rather than being an incident of its own. */
export interface BackgroundSettings {
  /** Failed contacts from which a scan is an incident of its own. */
  readonly contactsMax: number;
  /** Distinct small sources in a day from which they are its background. */
  readonly sourcesMin: number;
  /** True when an address in text form is inside. */
  readonly isInside: (address: string) => boolean;
}

/**
 * A small scan from outside: one source, or several at one service or at one
 * port of few hosts, or what one host hears from many all day; or one source that
 * guesses slowly at one host. Many ports of one target in the same moment, and a
 * port over the fleet, are work of several that no chance explains.
 */
export function isSmallFromOutside(finding: Finding, settings: BackgroundSettings): boolean {
  if (!isFromOutside(finding, settings)) return false;
  if (finding.kind === "brute_force") return isSmallGuess(finding, settings);
  if (!isOfBackgroundKind(finding)) return false;
  return (
    finding.contactCount < contactsMaxOf(finding.kind, finding.targetCount, settings.contactsMax) ||
    isUsualAtTarget(finding)
  );
}

/** Several sources at one service bring more than one source does. */
function contactsMaxOf(kind: IncidentKind, targetCount: number, contactsMax: number): number {
  return kind === "distributed_scan" && targetCount < fleetTargetsMin
    ? contactsMax * crowdFactor
    : contactsMax;
}

function isOfBackgroundKind(finding: Finding): boolean {
  const { kind, view } = finding;
  if (kind !== "distributed_scan") return view === "source" && scanKinds.has(kind);
  if (view === "target") return isUsualAtTarget(finding);
  return view === "service" || view === "port";
}

/**
 * One port at several hosts from outside. By chance only where so many knock
 * that some of them ask for the same port.
 */
export function isOverFleet({ view, targetCount }: Finding): boolean {
  return view === "port" && targetCount >= fleetTargetsMin;
}

function isUsualAtTarget({ kind, view, factors }: Finding): boolean {
  if (kind !== "distributed_scan" || view !== "target") return false;
  const burst = factors.find(({ name }) => name === burstFactorName);
  return burst !== undefined && burst.value < burst.threshold;
}

function isFromOutside({ sources }: Finding, { isInside }: BackgroundSettings): boolean {
  return sources.length > 0 && !sources.some(isInside);
}

/**
 * A finding with the severity that it deserves at the edge to the Internet: low
 * is what would be medium of one outside source at one host, and what was slow,
 * of one source or one prefix at few hosts: every public address has that daily.
 */
export function weighedAtEdge(finding: Finding, settings: BackgroundSettings): Finding {
  const { kind, severity, targetCount, sourceCount } = finding;
  if (severity !== "medium" && severity !== "high") return finding;
  const isLow =
    kind === "campaign"
      ? targetCount < fleetTargetsMin && isSlow(finding, slowCampaignFactor * settings.contactsMax)
      : singleKinds.has(kind) &&
        targetCount === 1 &&
        sourceCount === 1 &&
        (severity === "medium" || isSlow(finding, settings.contactsMax));
  return isLow && isFromOutside(finding, settings) ? { ...finding, severity: "low" } : finding;
}

/** One source that guesses at one host, a little and slowly: a host with a login has hundreds of them a day. */
function isSmallGuess(guess: Finding | IncidentDraft, { contactsMax }: BackgroundSettings): boolean {
  const isAlone = guess.sourceCount === 1 && guess.targetCount === 1;
  return isAlone && guess.contactCount < contactsMax * crowdFactor && isSlow(guess, guessesPerHour);
}

function isSlow(
  { contactCount, firstSeenMs, lastSeenMs }: Finding | IncidentDraft,
  contactsPerHour: number,
): boolean {
  return contactCount < contactsPerHour * Math.max(1, (lastSeenMs - firstSeenMs) / hourMs);
}

/** True when an incident holds nothing but small scans from outside. */
export function isSmallDraft(draft: IncidentDraft, settings: BackgroundSettings): boolean {
  if (draft.sources.size === 0 || !isSmallKind(draft, settings)) return false;
  for (const source of draft.sources) if (settings.isInside(source)) return false;
  return true;
}

function isSmallKind(draft: IncidentDraft, settings: BackgroundSettings): boolean {
  const { kind, contactCount, targetCount, targets } = draft;
  if (kind === "brute_force") return isSmallGuess(draft, settings);
  if (contactCount >= contactsMaxOf(kind, targetCount, settings.contactsMax)) return false;
  return scanKinds.has(kind) || (kind === "distributed_scan" && targets.size < fleetTargetsMin);
}

/** UTC day of a moment of event time. */
export function dayOf(timeMs: number): number {
  return Math.floor(timeMs / dayMs);
}

/** Id of the background incident of a UTC day. */
export function backgroundId(day: number): string {
  return incidentId("background_scanning", `${day}`, day * dayMs);
}

/** A small scan as part of its day's background. */
export function backgroundFinding(
  finding: Finding,
  sourceCount: number,
  { sourcesMin }: BackgroundSettings,
): Finding {
  const factors = [
    {
      name: "scanning_sources",
      value: sourceCount,
      threshold: sourcesMin,
      weight: 0.6 + marginWeight(sourceCount, sourcesMin, 0.05, 0.3),
    },
  ];
  return {
    ...finding,
    kind: "background_scanning",
    severity: "info",
    confidence: confidenceOf(factors),
    factors,
  };
}
