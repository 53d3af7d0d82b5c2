import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import { FlowEndReason, Outcome, RecordKind, StealthKind } from "@picket/proto/batch/flow-columns.js";
import ipaddr from "ipaddr.js";
import { MemoryWindowStore } from "../../adapters/memory/memory-window-store.js";
import { HomeNetworks } from "../../flows/home-networks.js";
import { Observer } from "../../flows/observer.js";
import type { Finding } from "../../incidents/incident.js";
import { defaultPolicy, type Policy } from "../../policy/policy.js";
import type { HostProfile } from "../../profiles/host-profile.js";
import { partitionCount } from "../../windows/window-store.js";
import type { FactDetector } from "../fact-detector.js";

/** Start of a UTC day, so that slices of every length begin there. */
export const runStartMs = 1_790_035_200_000;

/** One record; what is left out is an answered TCP connection that is over. */
export interface RunFlow {
  readonly source: string;
  readonly destination: string;
  readonly port: number;
  readonly timeMs: number;
  readonly durationMs?: number;
  readonly sourcePort?: number;
  readonly protocol?: number;
  readonly outcome?: Outcome;
  readonly stealthKind?: StealthKind;
  readonly recordKind?: RecordKind;
  readonly endReason?: FlowEndReason;
  readonly application?: number;
  /** Host name that the flow asked for or named. */
  readonly name?: string;
  readonly flags?: number;
  readonly forwardPackets?: number;
  readonly reversePackets?: number;
  readonly forwardBytes?: number;
  readonly reverseBytes?: number;
}

/** How the flows reach the windows. */
export interface RunOptions {
  readonly policy?: Policy;
  /** What was usual for a host before. */
  readonly profile?: HostProfile;
  /** Names of the sensors that see a flow; default: one. */
  readonly sensorsOf?: (index: number) => readonly number[];
}

const recordsMax = 1000;
const handshakeAndData = 0x1b;

/** What one detector finds in flows once every slice is closed, through the real observer and windows. */
export async function runDetector(
  detector: FactDetector,
  flows: readonly RunFlow[],
  { policy = defaultPolicy, sensorsOf = () => [1], profile }: RunOptions = {},
): Promise<Finding[]> {
  const store = new MemoryWindowStore();
  const home = new HomeNetworks([]);
  const observer = new Observer(home, 1, [detector]);
  observer.setPolicy(policy);
  const bySensor = new Map<number, RunFlow[]>();
  flows.forEach((flow, index) => {
    for (const sensor of sensorsOf(index)) {
      const seen = bySensor.get(sensor);
      if (seen === undefined) bySensor.set(sensor, [flow]);
      else seen.push(flow);
    }
  });
  for (const [sensor, seen] of bySensor)
    for (let from = 0; from < seen.length; from += recordsMax) {
      const builder = new FlowBatchBuilder(recordsMax);
      for (const flow of seen.slice(from, from + recordsMax)) appendFlow(builder, flow);
      observer.observe(builder.columns, { sensor, contribution: `${sensor}|${from}`, clockCorrectionMs: 0 });
      await store.merge({ ...observer.take(), failed: [], answered: [], starts: [] });
    }
  return closeAll(detector, store, home, policy, profile);
}

/** What the detector finds in the closed windows of a store, in order of slice and key. */
export async function closeAll(
  detector: FactDetector,
  store: MemoryWindowStore,
  home: HomeNetworks,
  policy: Policy,
  profile?: HostProfile,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (let partition = 0; partition < partitionCount; partition++)
    for (const hot of await store.readHot(partition, 0, Infinity)) {
      if (hot.kind !== "facts") continue;
      const { facts, subject, slice } = hot;
      const windows = await store.readFacts(facts, subject, slice - facts.slicesBefore, slice);
      const isInside = home.isInsideKey.bind(home);
      const isWanted = detector.needsProfile?.(windows[windows.length - 1], policy) === true;
      const known = isWanted ? profile : undefined;
      const evaluation = { slice, confirmed: true, policy, policyRevision: 1, isInside, profile: known };
      const finding = detector.detect(windows, evaluation);
      if (finding !== undefined) findings.push(finding);
    }
  return findings.sort((a, b) => a.sliceEndMs - b.sliceEndMs || (a.primaryKey < b.primaryKey ? -1 : 1));
}

/** Appends a flow record to a batch. */
export function appendFlow(builder: FlowBatchBuilder, flow: RunFlow): void {
  const [s, d] = [wordsOf(flow.source), wordsOf(flow.destination)];
  const row = builder.append(s[0], s[1], s[2], s[3], d[0], d[1], d[2], d[3]);
  if (row < 0) throw new Error("too many addresses for one batch");
  const { columns } = builder;
  const outcome = flow.outcome ?? Outcome.answered;
  columns.sourcePort[row] = flow.sourcePort ?? 40_000;
  columns.destinationPort[row] = flow.port;
  columns.protocol[row] = flow.protocol ?? 6;
  columns.outcome[row] = outcome;
  columns.stealthKind[row] = flow.stealthKind ?? StealthKind.none;
  columns.recordKind[row] = flow.recordKind ?? RecordKind.only;
  columns.endReason[row] = flow.endReason ?? FlowEndReason.endDetected;
  columns.application[row] = flow.application ?? 0;
  if (flow.name !== undefined) builder.setName(row, Buffer.from(flow.name), 0, flow.name.length);
  columns.forwardTcpFlags[row] = flow.flags ?? handshakeAndData;
  columns.startUs[row] = flow.timeMs * 1000;
  columns.endUs[row] = (flow.timeMs + (flow.durationMs ?? 0)) * 1000;
  columns.forwardPackets[row] = flow.forwardPackets ?? 1;
  columns.forwardBytes[row] = flow.forwardBytes ?? 60;
  columns.reversePackets[row] = flow.reversePackets ?? (outcome === Outcome.answered ? 1 : 0);
  columns.reverseBytes[row] = flow.reverseBytes ?? 0;
}

function wordsOf(text: string): number[] {
  const address = ipaddr.parse(text);
  const bytes =
    address.kind() === "ipv4"
      ? [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...address.toByteArray()]
      : address.toByteArray();
  const view = new DataView(Uint8Array.from(bytes).buffer);
  return [0, 4, 8, 12].map((offset) => view.getUint32(offset));
}

/** Copies in an order of their own: by a fixed stride. */
export function permuted<T>(values: readonly T[]): T[] {
  return values.map((_, index) => values[(index * 7919 + 13) % values.length]);
}
