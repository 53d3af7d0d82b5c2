import { Outcome } from "@picket/proto/batch/flow-columns.js";
import type { Finding } from "../incidents/incident.js";
import { formatAddressKey, type AddressKey } from "../windows/address-key.js";
import {
  partitionOf,
  startSliceMs,
  type SourceWindow,
  type StartDirection,
} from "../windows/window-store.js";
import { findingOf, type SourcedContact } from "./finding-builder.js";
import type { Evaluation } from "./source-scan.js";

/** Closed slices before the one in question that make a host's baseline (5 minutes). */
export const baselineSlices = 60;
/** Weight of the newest slice in the moving mean and variance. */
const smoothing = 0.05;
/** Slices (a minute) that a host was there before what it does says anything. */
const knownSlicesMin = 12;

/**
 * A host whose new flows in one 5-second slice stand far above its own moving
 * mean: z above the policy's limit and an absolute floor. One host alone is not
 * an incident; several in the same seconds are a cross-host burst.
 * @param counts new flows by slice, the slice in question last, ascending
 */
export function detectHostBurst(
  host: AddressKey,
  direction: StartDirection,
  counts: Float64Array,
  evaluation: Evaluation,
): Finding | undefined {
  const { burst } = evaluation.policy;
  const count = counts[counts.length - 1];
  if (count < burst.flowsMin) return undefined;
  const { mean, variance } = movingStatistics(counts.subarray(0, counts.length - 1));
  const z = (count - mean) / Math.sqrt(Math.max(variance, mean, 1));
  if (z <= burst.zMin) return undefined;
  const name = formatAddressKey(host);
  return {
    kind: "host_burst",
    view: "starts",
    primaryKey: `${direction} ${name}`,
    partition: partitionOf(host),
    sliceStartMs: evaluation.slice * startSliceMs,
    sliceEndMs: (evaluation.slice + 1) * startSliceMs,
    confirmed: evaluation.confirmed,
    severity: "info",
    confidence: 0.4,
    factors: [
      { name: "new_flows_z", value: Math.round(z * 100) / 100, threshold: burst.zMin, weight: 0.3 },
      { name: "new_flows", value: count, threshold: burst.flowsMin, weight: 0.1 },
    ],
    sources: direction === "outbound" ? [name] : [],
    targets: direction === "inbound" ? [name] : [],
    ports: [],
    sourceCount: direction === "outbound" ? 1 : 0,
    targetCount: direction === "inbound" ? 1 : 0,
    portCount: 0,
    contactCount: count,
    firstSeenMs: evaluation.slice * startSliceMs,
    lastSeenMs: (evaluation.slice + 1) * startSliceMs - 1,
    evidence: [],
    samples: [],
    refusedMembers: 0,
    sourceVerified: false,
    policyRevision: evaluation.policyRevision,
  };
}

/**
 * True when the host was there long enough before its burst for a notion of what is usual.
 * One that is switched on, joins, or is seen for the first time starts all it does at once.
 * @param starts new flows of either direction by slice, the burst's last
 * @param contacts first ones of the host's days
 */
export function isKnownBefore(
  burst: Finding,
  starts: readonly Float64Array[],
  { failed, answered }: SourceWindow,
): boolean {
  const untilMs = burst.sliceStartMs - knownSlicesMin * startSliceMs;
  return (
    starts.some((counts) => counts.subarray(0, -knownSlicesMin).some((count) => count > 0)) ||
    [failed, answered].some((contacts) => contacts.some(({ firstMs }) => firstMs < untilMs))
  );
}

/** True when half of the new flows at least were first contacts that failed: no host begins with that. */
export function isFailing(burst: Finding, contacts: readonly SourcedContact[]): boolean {
  const failed = contacts.filter(({ contact }) => contact.outcome !== Outcome.answered);
  return failed.length >= burst.contactCount / 2;
}

/** The burst with the peers, ports and sensors of its contacts; without contacts as it is. */
export function withContacts(
  burst: Finding,
  contacts: readonly SourcedContact[],
  direction: StartDirection,
): Finding {
  if (contacts.length === 0) return burst;
  const { sources, targets, ports, sourceCount, targetCount, portCount, evidence, samples } = findingOf(
    burst,
    contacts,
  );
  const peers = direction === "outbound" ? { targets, targetCount } : { sources, sourceCount };
  return { ...burst, ...peers, ports, portCount, evidence, samples };
}

/** Exponentially weighted mean and variance, folded in order of time. */
export function movingStatistics(counts: Float64Array): { mean: number; variance: number } {
  let mean = counts.length === 0 ? 0 : counts[0];
  let variance = 0;
  for (const count of counts) {
    const difference = count - mean;
    mean += smoothing * difference;
    variance = (1 - smoothing) * (variance + smoothing * difference * difference);
  }
  return { mean, variance };
}
