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

/** Every column, those of ARP and of notes too: a new one is copied without being named here. */
function copyColumns(from: FlowColumns, to: FlowColumns): void {
  const { length, addressCount, fingerprintCount, nameCount } = from;
  Object.assign(to, { length, addressCount, fingerprintCount, nameCount });
  Object.assign(to.arp, { length: from.arp.length, macCount: from.arp.macCount });
  copyArrays(from, to);
  copyArrays(from.arp, to.arp);
}

/** The copy's arrays may be shorter: what they have no room for is not used. */
function copyArrays<T extends object>(from: T, to: T): void {
  for (const name of Object.keys(from) as (keyof T)[]) {
    const [source, copy] = [from[name], to[name]];
    if (isArray(source) && isArray(copy)) copy.set(source.subarray(0, copy.length));
  }
}

function isArray(value: unknown): value is Uint8Array | Uint16Array | Uint32Array | Float64Array {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}
