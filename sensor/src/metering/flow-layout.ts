/**
 * How a live flow lies in memory: 128 bytes, two cache lines, seen as 32 words
 * and as 16 doubles. The two ends of a flow are *lower* and *upper* in the
 * canonical order of addresses and ports; direction 0 is lower to upper. What
 * every packet of a known flow touches is in the first line.
 */
export const flowWordsShift = 5;
export const flowDoublesShift = 4;

/** Last words of both addresses: all of an IPv4 address. */
export const lowerLastAt = 0;
export const upperLastAt = 1;
/** Lower port in the high half, upper port in the low half. */
export const portsAt = 2;
/** Bit field, below. */
export const stateAt = 3;
/**
 * Union of the TCP flags of direction 0 in bits 0 to 7, of direction 1 in bits
 * 8 to 15; bits 16 and 17 are the flow's direction seen from the host.
 */
export const tcpFlagsAt = 14;
export const hashAt = 15;
/** First three words of both addresses. */
export const lowerPrefixAt = 16;
export const upperPrefixAt = 19;
/** Sequence number of the initiator's SYN, or of its first packet when no SYN was seen. */
export const initiatorSequenceAt = 28;
/** Sequence number of the responder's SYN. */
export const responderSequenceAt = 29;
/** Last acknowledgement number of the initiator; the responder's, in a backscatter flow. */
export const initiatorAcknowledgementAt = 30;
export const responderAcknowledgementAt = 31;

export const hostDirectionShift = 16;
export const hostDirectionMask = 3;

/** Doubles: time of the last packet. */
export const lastUsAt = 2;
/** Packets and bytes since the last record, direction 0; direction 1 is the next double. */
export const packetsAt = 3;
export const bytesAt = 5;
/** Time of the first packet. */
export const startUsAt = 11;
/** Since when the flow waits for an answer, or since when it has one. */
export const markUsAt = 12;
/** Time of the last record. */
export const recordUsAt = 13;

/** State: bits 0 to 7 are the protocol. */
export const protocolMask = 0xff;
/** Set in flows of IPv6 packets: part of the key, with the protocol. */
export const ipv6Bit = 1 << 30;
export const keyStateMask = protocolMask | ipv6Bit;
/** Direction of the initiator's packets. */
export const initiatorShift = 8;
/** Outcome so far, and the one reported so far. */
export const outcomeShift = 9;
export const reportedOutcomeShift = 12;
export const stealthShift = 15;
export const threeBits = 7;
export const phaseShift = 18;
export const phaseMask = 15;
/** A record was written. */
export const reportedBit = 1 << 22;
/** The last record said that the flow is over. */
export const closedBit = 1 << 23;
/** A packet of direction 0 was seen; direction 1 is the next bit. */
export const seenBit = 1 << 24;
/** A FIN of direction 0 was seen; direction 1 is the next bit. */
export const finBit = 1 << 26;
/** The initiator acknowledged something. */
export const acknowledgedBit = 1 << 28;
/** Never a first contact: multicast, broadcast, unspecified source. */
export const noContactBit = 1 << 29;

/** Payload of this flow is still looked into. */
export const wantsPayloadBit = 1 << 31;

/** Where a flow stands between its first packet and its outcome. */
export const Phase = {
  /** Nothing to wait for: packets are counted. */
  counting: 0,
  /** UDP, SCTP, ICMP request: no reply yet. */
  waiting: 1,
  /** TCP: SYN, no SYN-ACK yet. */
  synSent: 2,
  /** TCP: SYN and SYN-ACK, the originator's ACK is missing. */
  synAnswered: 3,
  /** TCP: SYN-ACK without SYN. */
  backscatter: 4,
  /** TCP: a first packet that opens nothing, waiting for RST or silence. */
  stealth: 5,
  /** TCP: answered. */
  established: 6,
  /** TCP: began before the capture. */
  midStream: 7,
  /** FIN both ways or RST: lingers for stray packets. */
  ended: 8,
  /** UDP whose hop limit may run out on the way: no reply yet, and silence says nothing. */
  tracing: 9,
} as const;
export type Phase = (typeof Phase)[keyof typeof Phase];

/** Without connections, and nothing came back yet. */
export function awaitsReply(phase: number): boolean {
  return phase === Phase.waiting || phase === Phase.tracing;
}

/** Copies the address of an end of the flow at `at`, lower (0) or upper (1), to four words of `to` from `toAt` on. */
export function copyAddress(words: Int32Array, at: number, end: number, to: Int32Array, toAt: number): void {
  const prefix = at + (end === 0 ? lowerPrefixAt : upperPrefixAt);
  to[toAt] = words[prefix];
  to[toAt + 1] = words[prefix + 1];
  to[toAt + 2] = words[prefix + 2];
  to[toAt + 3] = words[at + end];
}
