import type { FlowDelivery } from "@picket/correlator/flows/flow-source.js";
import { FlowColumns } from "@picket/proto/batch/flow-columns.js";

/** A batch that lives in this process: taken by copy, so that the sender may reuse its columns. */
export interface BatchIdentity {
  readonly sensor: string;
  /** 16 bytes. */
  readonly epoch: Uint8Array;
  /** From 1, without holes. */
  readonly sequence: number;
}

/** A delivery of a copy of `columns`; there is nothing to acknowledge in one process. */
export function copiedDelivery(
  columns: FlowColumns,
  identity: BatchIdentity,
  ingestMs: number,
): FlowDelivery {
  const copy = new FlowColumns(columns.length, columns.addressCount);
  copyColumns(columns, copy);
  copy.epoch.set(identity.epoch);
  copy.sequence = identity.sequence;
  return {
    sensor: identity.sensor,
    columns: copy,
    ingestMs,
    sentMs: 0,
    acknowledge: nothing,
    retry: nothing,
  };
}

function nothing(): void {
  // The batch is gone with the process either way.
}

function copyColumns(from: FlowColumns, to: FlowColumns): void {
  const { length } = from;
  to.length = length;
  to.addressCount = from.addressCount;
  to.addressWords.set(from.addressWords.subarray(0, from.addressCount * 4));
  to.sourceIndex.set(from.sourceIndex.subarray(0, length));
  to.destinationIndex.set(from.destinationIndex.subarray(0, length));
  to.sourcePort.set(from.sourcePort.subarray(0, length));
  to.destinationPort.set(from.destinationPort.subarray(0, length));
  to.protocol.set(from.protocol.subarray(0, length));
  to.outcome.set(from.outcome.subarray(0, length));
  to.endReason.set(from.endReason.subarray(0, length));
  to.recordKind.set(from.recordKind.subarray(0, length));
  to.stealthKind.set(from.stealthKind.subarray(0, length));
  to.oneSided.set(from.oneSided.subarray(0, length));
  to.upgrade.set(from.upgrade.subarray(0, length));
  to.forwardTcpFlags.set(from.forwardTcpFlags.subarray(0, length));
  to.reverseTcpFlags.set(from.reverseTcpFlags.subarray(0, length));
  to.startUs.set(from.startUs.subarray(0, length));
  to.endUs.set(from.endUs.subarray(0, length));
  to.forwardPackets.set(from.forwardPackets.subarray(0, length));
  to.reversePackets.set(from.reversePackets.subarray(0, length));
  to.forwardBytes.set(from.forwardBytes.subarray(0, length));
  to.reverseBytes.set(from.reverseBytes.subarray(0, length));
}
