import { randomInt } from "node:crypto";

import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import { FlowEndReason, Outcome, RecordKind, type FlowColumns } from "@picket/proto/batch/flow-columns.js";

/** 203.0.113.0 and 198.51.100.0: addresses for documentation (RFC 5737), which no host has. */
const sourceNet = 0xcb00_7100;
const targetNet = 0xc633_6400;
const portsCount = 40;
const firstPort = 20_000;
const tcp = 6;

/** A scan that did not happen. */
export interface DrillScan {
  readonly columns: FlowColumns;
  readonly source: string;
  readonly target: string;
}

/**
 * One source that was refused at forty ports of one host in the last second,
 * as a sensor there would have seen it. Random addresses keep drills apart.
 */
export function drillScan(nowMs: number): DrillScan {
  const [source, target] = [1 + randomInt(254), 1 + randomInt(254)];
  const builder = new FlowBatchBuilder(portsCount);
  const { columns } = builder;
  for (let i = 0; i < portsCount; i++) {
    const row = builder.append(0, 0, 0xffff, sourceNet + source, 0, 0, 0xffff, targetNet + target);
    const startUs = (nowMs - 1000) * 1000 + i * 20_000;
    columns.sourcePort[row] = 40_000 + i;
    columns.destinationPort[row] = firstPort + i;
    columns.protocol[row] = tcp;
    columns.outcome[row] = Outcome.refused;
    columns.endReason[row] = FlowEndReason.endDetected;
    columns.recordKind[row] = RecordKind.only;
    columns.startUs[row] = startUs;
    columns.endUs[row] = startUs + 500;
    columns.forwardPackets[row] = 1;
    columns.forwardBytes[row] = 60;
    columns.reversePackets[row] = 1;
    columns.reverseBytes[row] = 40;
  }
  return { columns, source: `203.0.113.${source}`, target: `198.51.100.${target}` };
}
