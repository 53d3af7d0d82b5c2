import type { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import type { FlowTotals } from "../export/gap.js";
import { encodeFrame, FrameType } from "./live-frames.js";

/** An encoded `picket.v1.FlowBatch` without epoch and sequence, and what is in it. */
export interface MeteredBatch {
  readonly bytes: Uint8Array;
  readonly totals: FlowTotals;
}

const totalsBytes = 40;

/** A batch frame: records, packets, bytes, from, to as f64 (little-endian), then the batch. */
export function encodeMeteredBatch(bytes: Uint8Array, totals: FlowTotals): Buffer {
  const payload = Buffer.allocUnsafe(totalsBytes + bytes.length);
  payload.writeDoubleLE(totals.records, 0);
  payload.writeDoubleLE(totals.packets, 8);
  payload.writeDoubleLE(totals.bytes, 16);
  payload.writeDoubleLE(totals.fromUs, 24);
  payload.writeDoubleLE(totals.toUs, 32);
  payload.set(bytes, totalsBytes);
  return encodeFrame(FrameType.batch, payload);
}

/** The payload of a batch frame; `bytes` is a view of it. */
export function decodeMeteredBatch(payload: Uint8Array): MeteredBatch {
  const view = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const totals = {
    records: view.readDoubleLE(0),
    packets: view.readDoubleLE(8),
    bytes: view.readDoubleLE(16),
    fromUs: view.readDoubleLE(24),
    toUs: view.readDoubleLE(32),
  };
  return { bytes: view.subarray(totalsBytes), totals };
}

/** What is in the columns; an ARP record counts with its packets, its bytes are not measured. */
export function totalsOf(columns: FlowColumns): FlowTotals {
  const { arp } = columns;
  let packets = 0;
  let bytes = 0;
  let fromUs = Infinity;
  let toUs = 0;
  for (let i = 0; i < columns.length; i++) {
    packets += columns.forwardPackets[i] + columns.reversePackets[i];
    bytes += columns.forwardBytes[i] + columns.reverseBytes[i];
    fromUs = Math.min(fromUs, columns.startUs[i]);
    toUs = Math.max(toUs, columns.endUs[i]);
  }
  for (let i = 0; i < arp.length; i++) {
    packets += arp.packets[i];
    fromUs = Math.min(fromUs, arp.startUs[i]);
    toUs = Math.max(toUs, arp.endUs[i]);
  }
  const records = columns.length + arp.length;
  return { records, packets, bytes, fromUs: records === 0 ? 0 : fromUs, toUs };
}
