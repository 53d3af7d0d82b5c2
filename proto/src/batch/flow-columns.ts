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

/** Where a packet's flow goes, seen from the sensor's own host. */
export const HostDirection = { transit: 0, inbound: 1, outbound: 2, internal: 3 } as const;
export type HostDirection = (typeof HostDirection)[keyof typeof HostDirection];

/** What the first bytes of a flow's payload say; `other`: none of the rest. */
export const Application = { unknown: 0, other: 1, dns: 2, http: 3, tls: 4, ssh: 5, stratum: 6 } as const;
export type Application = (typeof Application)[keyof typeof Application];

/** Names of the applications by value. */
export const applicationNames = ["unknown", "other", "dns", "http", "tls", "ssh", "stratum"] as const;

/** A scanner told by the numbers in its SYN. */
export const ProbeKind = { none: 0, masscan: 1, mirai: 2, zmap: 3 } as const;
export type ProbeKind = (typeof ProbeKind)[keyof typeof ProbeKind];

/** Names of the probe kinds by value. */
export const probeKindNames = ["none", "masscan", "mirai", "zmap"] as const;

/** What an ARP record is about. */
export const ArpOperation = { request: 0, reply: 1, announcement: 2, probe: 3 } as const;
export type ArpOperation = (typeof ArpOperation)[keyof typeof ArpOperation];

/** Most SYN fingerprints of one batch. */
export const batchFingerprintsMax = 256;
/** One fingerprint; see `FlowColumns.fingerprintBytes`. */
export const fingerprintBytes = 12;
/** Most host names of one batch, and most bytes of them and of one. */
export const batchNamesMax = 512;
export const batchNameBytesMax = 8192;
export const nameBytesMax = 253;
/** Most ARP records of one batch, and most MAC addresses of them. */
export const batchArpRecordsMax = 512;
export const batchMacsMax = 512;

/** Most records of one batch. */
export const batchRecordsMax = 2048;
/** Most addresses of one batch's table. */
export const batchAddressesMax = 4096;
/** Most bytes of one encoded batch: one NATS message. */
export const batchBytesMax = 65_536;

/**
 * ARP observations of one batch, by columns: who asked for, answered about or
 * announced which address. Addresses are in the table of the batch.
 */
export class ArpColumns {
  length = 0;
  macCount = 0;
  /** MAC addresses, 6 bytes each. */
  readonly macs = new Uint8Array(batchMacsMax * 6);
  /** Addresses: index into the table of the batch, always IPv4. */
  readonly senderIndex = new Uint16Array(batchArpRecordsMax);
  readonly targetIndex = new Uint16Array(batchArpRecordsMax);
  /** MACs: index into `macs`; a request's target is all zeros. */
  readonly senderMacIndex = new Uint16Array(batchArpRecordsMax);
  readonly targetMacIndex = new Uint16Array(batchArpRecordsMax);
  /** See `ArpOperation`. */
  readonly operation = new Uint8Array(batchArpRecordsMax);
  /** 1 when a request was answered within the hold time. */
  readonly answered = new Uint8Array(batchArpRecordsMax);
  /** 1 when a reply answers no request that was seen. */
  readonly unsolicited = new Uint8Array(batchArpRecordsMax);
  /** 1 when the frame came from another MAC than the one it states. */
  readonly mismatched = new Uint8Array(batchArpRecordsMax);
  readonly startUs = new Float64Array(batchArpRecordsMax);
  readonly endUs = new Float64Array(batchArpRecordsMax);
  readonly packets = new Float64Array(batchArpRecordsMax);
}

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

  /**
   * SYN fingerprints, 12 bytes each: initial TTL (32, 64, 128 or 255), probe
   * kind, window and MSS (16 bits, big endian), window scale (255 none), quirks,
   * and the first eight option kinds in order, 4 bits each.
   */
  readonly fingerprints = new Uint8Array(batchFingerprintsMax * fingerprintBytes);
  fingerprintCount = 0;
  /** Host names in lower case, back to back; name i ends at `nameEnds[i]`. */
  readonly nameBytes = new Uint8Array(batchNameBytesMax);
  readonly nameEnds = new Uint16Array(batchNamesMax);
  nameCount = 0;
  readonly arp = new ArpColumns();

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
  /** 1 when the responder is the sensor's own host and nothing listens on the port. */
  readonly closedPort: Uint8Array;
  /** See `HostDirection`. */
  readonly direction: Uint8Array;
  /** See `Application`. */
  readonly application: Uint8Array;
  /** Fingerprint of the initiator's SYN: its position in `fingerprints` + 1; 0 none. */
  readonly fingerprint: Uint16Array;
  /** Host name the flow asked for (DNS) or named (TLS): its position in the names + 1; 0 none. */
  readonly name: Uint16Array;
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
    this.closedPort = new Uint8Array(recordsMax);
    this.direction = new Uint8Array(recordsMax);
    this.application = new Uint8Array(recordsMax);
    this.fingerprint = new Uint16Array(recordsMax);
    this.name = new Uint16Array(recordsMax);
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
