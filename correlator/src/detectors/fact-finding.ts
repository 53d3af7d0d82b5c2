import type { Finding, IncidentKind, ScoreFactor, Severity } from "../incidents/incident.js";
import type { FactMember, FactWindow } from "../windows/fact-window.js";
import { partitionOf } from "../windows/window-store.js";
import { confidenceOf, partiesMax } from "./finding-builder.js";
import type { Evaluation } from "./source-scan.js";

/** What a detector of facts decided; parties as text, counts where they are more than the lists. */
export interface FactVerdict {
  readonly kind: IncidentKind;
  readonly primaryKey: string;
  readonly severity: Severity;
  readonly factors: readonly ScoreFactor[];
  readonly sources: readonly string[];
  readonly targets: readonly string[];
  readonly ports: readonly string[];
  readonly sourceCount?: number;
  readonly targetCount?: number;
  readonly contactCount: number;
  readonly sourceVerified?: boolean;
  /** What speaks for it: times and the sensors' shares are worked out from them. Not empty. */
  readonly members: readonly FactMember[];
}

/** The finding of a verdict about the subject of a window. */
export function factFinding(verdict: FactVerdict, window: FactWindow, evaluation: Evaluation): Finding {
  const { members, sourceCount, targetCount, sourceVerified, ...decided } = verdict;
  const [sources, targets, ports] = [verdict.sources, verdict.targets, verdict.ports].map(distinct);
  return {
    ...decided,
    view: "facts",
    partition: partitionOf(window.subject),
    sliceStartMs: window.slice * window.kind.sliceMs,
    sliceEndMs: (window.slice + 1) * window.kind.sliceMs,
    confirmed: evaluation.confirmed,
    confidence: confidenceOf(verdict.factors),
    sources: sources.slice(0, partiesMax),
    targets: targets.slice(0, partiesMax),
    ports: ports.slice(0, partiesMax),
    sourceCount: Math.max(sourceCount ?? 0, sources.length),
    targetCount: Math.max(targetCount ?? 0, targets.length),
    portCount: ports.length,
    firstSeenMs: members.reduce((least, { firstMs }) => Math.min(least, firstMs), Infinity),
    lastSeenMs: members.reduce((most, { lastMs }) => Math.max(most, lastMs), -Infinity),
    evidence: evidenceOf(members),
    samples: [],
    refusedMembers: window.refused,
    sourceVerified: sourceVerified ?? false,
    policyRevision: evaluation.policyRevision,
  };
}

function evidenceOf(members: readonly FactMember[]): Finding["evidence"] {
  const bySensor = new Map<number, { contactCount: number; firstSeenMs: number; lastSeenMs: number }>();
  for (const { sensors, firstMs, lastMs } of members)
    for (const sensor of sensors) {
      const known = bySensor.get(sensor) ?? { contactCount: 0, firstSeenMs: Infinity, lastSeenMs: -Infinity };
      known.contactCount++;
      known.firstSeenMs = Math.min(known.firstSeenMs, firstMs);
      known.lastSeenMs = Math.max(known.lastSeenMs, lastMs);
      bySensor.set(sensor, known);
    }
  return [...bySensor].sort((a, b) => a[0] - b[0]).map(([sensor, counts]) => ({ sensor, ...counts }));
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort();
}
