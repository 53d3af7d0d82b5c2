import type { ProbeKind } from "@picket/proto/batch/flow-columns.js";
import type { DecodedPacket } from "../decode/decoded-packet.js";
import { probeKind } from "./probe-kind.js";
import { SynOptions } from "./syn-options.js";

const tcpHeaderBytes = 20;

/**
 * What is odd about a SYN, one bit each, after the quirks of p0f. TTL, window,
 * MSS, scale and options are apart from them.
 */
export const SynQuirk = {
  /** IPv4: must not be fragmented. IPv6: has a flow label. */
  dontFragment: 0x01,
  /** IPv4: an id though it is not needed (with `dontFragment`), or none though it is. */
  oddIpId: 0x02,
  /** Explicit congestion notification, in the TCP flags or the IP header. */
  congestion: 0x04,
  /** Bits that must be zero are not. */
  reserved: 0x08,
  /** The sequence number is zero. */
  zeroSequence: 0x10,
  /** A SYN needs neither: acknowledgement number, urgent pointer, URG, PSH, FIN or RST. */
  excess: 0x20,
  /** Timestamps: the sender's own is zero, or the peer's is not. */
  oddTimestamp: 0x40,
  /** Options that are malformed, out of range or followed by garbage. */
  badOptions: 0x80,
} as const;

const finRstPushUrgent = 0x2d;
const echoAndReduced = 0xc0;

/** Reads SYNs to fingerprints of `fingerprintBytes` bytes; see FlowColumns.fingerprints. */
export class SynFingerprint {
  private readonly options = new SynOptions();

  /**
   * Writes the fingerprint of a SYN to `out` at `at`; `bytes` is the memory of
   * the frame. Returns its probe kind, or -1 and writes nothing when the
   * headers are not in `bytes`.
   */
  write(packet: DecodedPacket, bytes: Uint8Array, out: Uint8Array, at: number): ProbeKind | -1 {
    const { transportOffset, payloadOffset, networkOffset } = packet;
    if (payloadOffset > bytes.length || payloadOffset < transportOffset + tcpHeaderBytes) return -1;
    const { options } = this;
    options.read(bytes, transportOffset + tcpHeaderBytes, payloadOffset);
    const quirks = packet.isIpv6
      ? ipv6Quirks(bytes, networkOffset)
      : ipv4Quirks(bytes, networkOffset, packet.ipId);
    const kind = probeKind(packet, (quirks & SynQuirk.dontFragment) !== 0);
    out[at] = initialTtl(packet.ttl);
    out[at + 1] = kind;
    out[at + 2] = packet.tcpWindow >>> 8;
    out[at + 3] = packet.tcpWindow;
    out[at + 4] = options.maximumSegmentSize >>> 8;
    out[at + 5] = options.maximumSegmentSize;
    out[at + 6] = options.windowScale;
    out[at + 7] = quirks | tcpQuirks(packet, bytes, transportOffset) | optionQuirks(options);
    out[at + 8] = options.kinds >>> 24;
    out[at + 9] = options.kinds >>> 16;
    out[at + 10] = options.kinds >>> 8;
    out[at + 11] = options.kinds;
    return kind;
  }
}

/** The TTL systems start with that is nearest above: 32, 64, 128 or 255. */
function initialTtl(ttl: number): number {
  if (ttl <= 32) return 32;
  if (ttl <= 64) return 64;
  return ttl <= 128 ? 128 : 255;
}

function ipv4Quirks(bytes: Uint8Array, offset: number, ipId: number): number {
  const flags = bytes[offset + 6];
  const isDontFragment = (flags & 0x40) !== 0;
  let quirks = isDontFragment ? SynQuirk.dontFragment : 0;
  if ((ipId !== 0) === isDontFragment) quirks |= SynQuirk.oddIpId;
  if ((flags & 0x80) !== 0) quirks |= SynQuirk.reserved;
  if ((bytes[offset + 1] & 0x03) !== 0) quirks |= SynQuirk.congestion;
  return quirks;
}

function ipv6Quirks(bytes: Uint8Array, offset: number): number {
  const labelAndClass = bytes[offset + 1];
  const hasLabel = ((labelAndClass & 0x0f) | bytes[offset + 2] | bytes[offset + 3]) !== 0;
  let quirks = hasLabel ? SynQuirk.dontFragment : 0;
  if ((labelAndClass & 0x30) !== 0) quirks |= SynQuirk.congestion;
  return quirks;
}

function tcpQuirks(packet: DecodedPacket, bytes: Uint8Array, offset: number): number {
  const { tcpFlags } = packet;
  const urgentPointer = bytes[offset + 18] | bytes[offset + 19];
  let quirks = (tcpFlags & echoAndReduced) === 0 ? 0 : SynQuirk.congestion;
  if ((bytes[offset + 12] & 0x0f) !== 0) quirks |= SynQuirk.reserved;
  if (packet.tcpSequence === 0) quirks |= SynQuirk.zeroSequence;
  if ((tcpFlags & finRstPushUrgent) !== 0 || packet.tcpAcknowledgement !== 0 || urgentPointer !== 0)
    quirks |= SynQuirk.excess;
  return quirks;
}

function optionQuirks(options: SynOptions): number {
  return (
    (options.hasOddTimestamp ? SynQuirk.oddTimestamp : 0) | (options.isMalformed ? SynQuirk.badOptions : 0)
  );
}
