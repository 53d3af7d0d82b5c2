import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import { ArpOperation } from "@picket/proto/batch/flow-columns.js";
import { MemoryWindowStore } from "../../adapters/memory/memory-window-store.js";
import { HomeNetworks } from "../../flows/home-networks.js";
import { Observer } from "../../flows/observer.js";
import type { Finding } from "../../incidents/incident.js";
import { defaultPolicy, type Policy } from "../../policy/policy.js";
import type { FactDetector } from "../fact-detector.js";
import { appendFlow, closeAll, type RunFlow } from "./fact-run.js";

/** One ARP record; what is left out is a request, asked once and not answered. */
export interface RunArp {
  readonly operation?: ArpOperation;
  /** "02:00:00:00:00:01" */
  readonly mac: string;
  readonly sender: string;
  readonly target: string;
  readonly timeMs: number;
  readonly durationMs?: number;
  readonly packets?: number;
  readonly isAnswered?: boolean;
  readonly isUnsolicited?: boolean;
}

/** What one detector finds in ARP records, and flows, once every slice is closed. */
export async function runArp(
  detector: FactDetector,
  records: readonly RunArp[],
  {
    sensorsOf = () => [1],
    policy = defaultPolicy,
    flows = [],
  }: { sensorsOf?: (index: number) => readonly number[]; policy?: Policy; flows?: readonly RunFlow[] } = {},
): Promise<Finding[]> {
  const store = new MemoryWindowStore();
  const home = new HomeNetworks([]);
  const observer = new Observer(home, 1, [detector]);
  for (const [index, record] of records.entries())
    for (const sensor of sensorsOf(index)) {
      const builder = new FlowBatchBuilder(1);
      appendArp(builder, record);
      observer.observe(builder.columns, { sensor, contribution: `${sensor}|${index}`, clockCorrectionMs: 0 });
    }
  for (const [index, flow] of flows.entries()) {
    const builder = new FlowBatchBuilder(1);
    appendFlow(builder, flow);
    observer.observe(builder.columns, { sensor: 1, contribution: `flow|${index}`, clockCorrectionMs: 0 });
  }
  await store.merge(observer.take());
  return closeAll(detector, store, home, policy);
}

/** Appends an ARP record to a batch. */
export function appendArp(builder: FlowBatchBuilder, record: RunArp): void {
  const [high, low] = macOf(record.mac);
  const row = builder.appendArp(wordOf(record.sender), wordOf(record.target), high, low, 0, 0);
  if (row < 0) throw new Error("too many ARP records for one batch");
  const { arp } = builder.columns;
  arp.operation[row] = record.operation ?? ArpOperation.request;
  arp.answered[row] = record.isAnswered === true ? 1 : 0;
  arp.unsolicited[row] = record.isUnsolicited === true ? 1 : 0;
  arp.startUs[row] = record.timeMs * 1000;
  arp.endUs[row] = (record.timeMs + (record.durationMs ?? 0)) * 1000;
  arp.packets[row] = record.packets ?? 1;
}

/** An answer that nobody asked for: `mac` tells `target` that it is `sender`. */
export function told(mac: string, sender: string, target: string, timeMs: number): RunArp {
  return { operation: ArpOperation.reply, isUnsolicited: true, mac, sender, target, timeMs };
}

/** A question of `mac` as `sender`. */
export function asked(mac: string, sender: string, target: string, timeMs: number): RunArp {
  return { mac, sender, target, timeMs };
}

/** The first 16 and the other 32 bits of a MAC address. */
function macOf(text: string): [high: number, low: number] {
  const bytes = text.split(":").map((byte) => Number.parseInt(byte, 16));
  return [(bytes[0] << 8) | bytes[1], (bytes[2] << 24) | (bytes[3] << 16) | (bytes[4] << 8) | bytes[5]];
}

function wordOf(text: string): number {
  return text.split(".").reduce((word, byte) => (word << 8) | Number(byte), 0);
}
