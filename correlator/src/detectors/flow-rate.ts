import { flowIdentity } from "../flows/flow-identity.js";
import type { FlowRow } from "../flows/flow-row.js";
import { formatAddressKey, type AddressKey } from "../windows/address-key.js";
import type { AddFact, FactKind, FactMember, FactWindow } from "../windows/fact-window.js";
import { linearEstimate } from "../windows/linear-count.js";

/** One flow in so many is looked at: a fixed choice by its five-tuple, the same at every sensor. */
const sampling = 4;
/** Bits that the sampled flows of one second fall on; more than about 10,000 flows a second look alike. */
const positions = 512;
/** One sampled flow in so many leaves its source. */
const sourceSampling = 16;
const isSource = "s";

/** Members of a slice of ten seconds: its seconds' bits, and sources. */
export const rateMembersMax = 8192;

/**
 * Adds a flow to the rate at its subject: one bit of the second it began in and,
 * of one flow in 64, its source. At most 512 members a second whatever comes.
 * @param mark one char that tells apart what is counted, other than "s"
 */
export function addFlowRate(
  flow: FlowRow,
  add: AddFact,
  kind: FactKind,
  subject: string,
  mark: string,
): void {
  const identity = flowIdentity(flow.columns, flow.row);
  if (identity % sampling !== 0) return;
  const position = (identity >>> 2) % positions;
  const second = Math.floor((flow.timeMs % kind.sliceMs) / 1000);
  add(kind, subject, mark + String.fromCharCode(second, position >>> 8, position & 0xff), flow.timeMs);
  if ((identity >>> 11) % sourceSampling !== 0) return;
  const port = flow.columns.destinationPort[flow.row];
  add(kind, subject, isSource + String.fromCharCode(port >>> 8, port & 0xff) + flow.source(), flow.timeMs);
}

/** Flows a second of a mark, from the first window's first second to the last window's last. */
export function flowsBySecond(windows: readonly FactWindow[], mark: string, weight = sampling): Float64Array {
  const perWindow = windows[0].kind.sliceMs / 1000;
  const bits = new Float64Array(windows.length * perWindow);
  windows.forEach(({ members }, index) => {
    for (const { member } of members)
      if (member[0] === mark) bits[index * perWindow + member.charCodeAt(1)]++;
  });
  return bits.map((set) => weight * linearEstimate(set, positions));
}

/** A flow's source and port as sampled. */
export interface SampledFlow {
  readonly source: AddressKey;
  readonly port: number;
}

/** Sources and ports of the sampled flows, each pair once. */
export function sampledFlows(members: readonly FactMember[]): SampledFlow[] {
  return members
    .filter(({ member }) => member[0] === isSource)
    .map(({ member }) => ({
      source: member.slice(3),
      port: (member.charCodeAt(1) << 8) | member.charCodeAt(2),
    }));
}

/** Most sources that a flood names: of spoofed ones more say nothing. */
const sourcesListed = 32;

/** Sources as text, and how many there are: where nearly every sample differs, as many as flows. */
export function sourcesOf(
  samples: readonly SampledFlow[],
  flows: number,
): { sources: string[]; count: number } {
  const distinct = [...new Set(samples.map(({ source }) => source))].sort();
  const isSpoofed = distinct.length >= 8 && distinct.length > samples.length * 0.75;
  return {
    sources: distinct.slice(0, sourcesListed).map(formatAddressKey),
    count: isSpoofed ? Math.max(distinct.length, Math.round(flows)) : distinct.length,
  };
}

/** The seconds in which something was highest. */
export interface Peak {
  /** Sum over the seconds. */
  readonly sum: number;
  /** Index of the first of them. */
  readonly from: number;
}

/** The `length` successive seconds with the greatest sum, at least one of them at or after `fromSecond`. */
export function peakWithin(values: Float64Array, length: number, fromSecond: number): Peak {
  let best: Peak = { sum: 0, from: fromSecond };
  for (let from = Math.max(0, fromSecond - length + 1); from < values.length; from++) {
    let sum = 0;
    for (let second = from; second < Math.min(values.length, from + length); second++) sum += values[second];
    if (sum > best.sum) best = { sum, from };
  }
  return best;
}
