/**
 * Flow records as columns: record i is element i of every array. The form that
 * metering fills, the batch codec writes and reads, and the correlator walks;
 * no object per flow.
 */

/** What became of a first contact, merged by maximum (docs/architecture.md). */
export const Outcome = {
  unknown: 0,
  ignored: 1,
  unreachable: 2,
  refused: 3,
  halfOpen: 4,
  answered: 5,
} as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

/** Names of the outcomes by value. */
export const outcomeNames = [
  "unknown",
  "ignored",
  "unreachable",
  "refused",
  "half-open",
  "answered",
] as const;

/** RFC 5102 flowEndReason; `open` while the flow goes on. */
export const FlowEndReason = {
  open: 0,
  idleTimeout: 1,
  activeTimeout: 2,
  endDetected: 3,
  forcedEnd: 4,
  lackOfResources: 5,
} as const;
export type FlowEndReason = (typeof FlowEndReason)[keyof typeof FlowEndReason];

/** Names of the flow end reasons by value. */
export const flowEndReasonNames = [
  "open",
  "idle timeout",
  "active timeout",
  "end detected",
  "forced end",
  "lack of resources",
] as const;

/** Which of a flow's records this is; counters of all its records add up. */
export const RecordKind = { first: 0, delta: 1, last: 2, only: 3 } as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

/** A failed contact by packets outside any flow. */
export const StealthKind = { none: 0, null: 1, fin: 2, xmas: 3, ack: 4, fragment: 5, other: 6 } as const;
export type StealthKind = (typeof StealthKind)[keyof typeof StealthKind];

/** Most records of one batch. */
export const batchRecordsMax = 2048;
/** Most addresses of one batch's table. */
export const batchAddressesMax = 4096;
/** Most bytes of one encoded batch: one NATS message. */
export const batchBytesMax = 65_536;

/**
 * One batch of flow records. Addresses are 4 words of 32 bits, most significant
 * first; IPv4 is mapped (words 0, 0, 0xffff, address). Times are microseconds
 * since the Unix epoch.
 */
export class FlowColumns {
  /** 16 bytes, random per process start of the sensor. */
  readonly epoch = new Uint8Array(16);
  /** Counts the batches of an epoch from 1; below 2^53. */
  sequence = 0;
  length = 0;
  addressCount = 0;

  readonly addressWords: Uint32Array;
  readonly sourceIndex: Uint16Array;
  readonly destinationIndex: Uint16Array;
  readonly sourcePort: Uint16Array;
  /** ICMP: type * 256 + code. */
  readonly destinationPort: Uint16Array;
  readonly protocol: Uint8Array;
  readonly outcome: Uint8Array;
  readonly endReason: Uint8Array;
  readonly recordKind: Uint8Array;
  readonly stealthKind: Uint8Array;
  /** 1 when this observation point saw no reverse packet of the pair. */
  readonly oneSided: Uint8Array;
  /** 1 when an outcome of this flow was already emitted and is now higher. */
  readonly upgrade: Uint8Array;
  readonly forwardTcpFlags: Uint8Array;
  readonly reverseTcpFlags: Uint8Array;
  readonly startUs: Float64Array;
  readonly endUs: Float64Array;
  readonly forwardPackets: Float64Array;
  readonly reversePackets: Float64Array;
  readonly forwardBytes: Float64Array;
  readonly reverseBytes: Float64Array;

  constructor(
    readonly recordsMax: number = batchRecordsMax,
    readonly addressesMax: number = batchAddressesMax,
  ) {
    this.addressWords = new Uint32Array(addressesMax * 4);
    this.sourceIndex = new Uint16Array(recordsMax);
    this.destinationIndex = new Uint16Array(recordsMax);
    this.sourcePort = new Uint16Array(recordsMax);
    this.destinationPort = new Uint16Array(recordsMax);
    this.protocol = new Uint8Array(recordsMax);
    this.outcome = new Uint8Array(recordsMax);
    this.endReason = new Uint8Array(recordsMax);
    this.recordKind = new Uint8Array(recordsMax);
    this.stealthKind = new Uint8Array(recordsMax);
    this.oneSided = new Uint8Array(recordsMax);
    this.upgrade = new Uint8Array(recordsMax);
    this.forwardTcpFlags = new Uint8Array(recordsMax);
    this.reverseTcpFlags = new Uint8Array(recordsMax);
    this.startUs = new Float64Array(recordsMax);
    this.endUs = new Float64Array(recordsMax);
    this.forwardPackets = new Float64Array(recordsMax);
    this.reversePackets = new Float64Array(recordsMax);
    this.forwardBytes = new Float64Array(recordsMax);
    this.reverseBytes = new Float64Array(recordsMax);
  }
}

/** True when the four words at `offset` hold an IPv4-mapped address. */
export function isIpv4Words(words: Uint32Array, offset: number): boolean {
  return words[offset] === 0 && words[offset + 1] === 0 && words[offset + 2] === 0xffff;
}
