import { Outcome, StealthKind } from "@picket/proto/batch/flow-columns.js";
import type { DecodedPacket } from "../decode/decoded-packet.js";
import {
  acknowledgedBit,
  finBit,
  hashAt,
  initiatorAcknowledgementAt,
  initiatorSequenceAt,
  initiatorShift,
  outcomeShift,
  Phase,
  phaseMask,
  phaseShift,
  reportedBit,
  responderAcknowledgementAt,
  responderSequenceAt,
  seenBit,
  stateAt,
  stealthShift,
  threeBits,
} from "./flow-layout.js";
import type { ObservationView } from "./observation-view.js";

/** TCP flags (RFC 9293); congestion bits say nothing about a contact. */
export const TcpFlag = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32 } as const;
const { fin, syn, rst, psh, ack, urg } = TcpFlag;
const flagsMask = 0x3f;

/**
 * What a packet changes: bits 0 to 2 an outcome that is reached, and whether
 * the flow ends or a new flow of the same key begins with this packet.
 */
export const Verdict = { none: 0, outcomeMask: 7, ends: 8, restarts: 16 } as const;

/**
 * The outcome of a TCP contact, packet by packet, on the state words of a flow.
 *
 * - SYN, SYN-ACK, the originator's ACK: answered. RST before SYN-ACK: refused.
 *   SYN-ACK, then the originator's RST: half-open. Silence is judged by the
 *   meter's hold timer: ignored before the SYN-ACK, half-open after it.
 * - The responder's data, FIN, or an acknowledgement beyond the SYN proves an
 *   answer whose SYN-ACK was not captured.
 * - One-sided view (no reverse packet of the host pair was ever seen here, and
 *   the responder is not this host): the originator's ACK after its SYN means
 *   answered, its RST after its SYN means half-open, for only an answer makes a
 *   stack send it. In any other view a bare ACK proves nothing.
 * - SYN-ACK without SYN: its receiver is the initiator and the outcome stays
 *   unknown, unless the SYN it acknowledges comes after it (reordering).
 * - A first packet without SYN: NULL, FIN, XMAS and other sets of flags without
 *   ACK, and first fragments that hide the flags, are stealth contacts, for no
 *   stack sends them outside a flow. A bare ACK may as well be the middle of a
 *   connection: it is a stealth contact only without payload and TCP options
 *   (most stacks send timestamps, no scanner does), when its ports were not
 *   lately a connection, and when RST or silence follows it; another packet of
 *   the flow makes it mid-stream, and so does silence where the view is
 *   one-sided. FIN-ACK, RST and data are mid-stream at once: unknown.
 * - A SYN with another sequence after the end of a flow begins a new one;
 *   before an answer it is a retry of the same contact.
 */
export class TcpContact {
  constructor(
    private readonly words: Int32Array,
    private readonly view: ObservationView,
  ) {}

  /** First packet of the flow whose words are at `at`; its state is set so far except for the phase. */
  open(at: number, direction: number, packet: DecodedPacket): number {
    const { words } = this;
    const flags = packet.tcpFlags & flagsMask;
    words[at + initiatorSequenceAt] = packet.tcpSequence | 0;
    words[at + initiatorAcknowledgementAt] = packet.tcpAcknowledgement | 0;
    words[at + responderSequenceAt] = 0;
    words[at + responderAcknowledgementAt] = 0;
    if (packet.isShortFragment) return this.openStealth(at, packet, StealthKind.fragment);
    if ((flags & (syn | rst)) === syn) return this.openSyn(at, direction, packet, flags);
    if ((flags & (ack | rst)) === 0) return this.openStealth(at, packet, stealthKindOf(flags));
    if (flags === ack && this.isProbingAck(at, packet)) return this.openStealth(at, packet, StealthKind.ack);
    // A connection whose begin was not seen: it leads to the service.
    if (isServiceToClient(packet)) words[at + stateAt] ^= 1 << initiatorShift;
    this.setPhase(at, Phase.midStream);
    return this.count(at, direction, flags);
  }

  /** A later packet of a flow. `direction` as in the flow table. */
  step(at: number, direction: number, packet: DecodedPacket): number {
    const state = this.words[at + stateAt];
    const flags = packet.tcpFlags & flagsMask;
    const fromInitiator = ((state >>> initiatorShift) & 1) === direction;
    switch ((state >>> phaseShift) & phaseMask) {
      case Phase.synSent:
        return fromInitiator
          ? this.originatorInSynSent(at, direction, packet, flags)
          : this.responderInSynSent(at, direction, packet, flags);
      case Phase.synAnswered:
        return this.inSynAnswered(at, direction, packet, flags, fromInitiator);
      case Phase.backscatter:
        return this.inBackscatter(at, direction, packet, flags, fromInitiator);
      case Phase.stealth:
        return this.inStealth(at, direction, packet, flags, fromInitiator);
      case Phase.ended:
        return this.inEnded(at, packet, flags, fromInitiator);
      case Phase.midStream:
        return this.inMidStream(at, direction, packet, flags, fromInitiator);
      default:
        return this.inEstablished(at, direction, packet, flags, fromInitiator);
    }
  }

  private isProbingAck(at: number, packet: DecodedPacket): boolean {
    const headersLength = packet.ipLength - packet.payloadLength;
    const isBare = packet.payloadLength === 0 && headersLength === (packet.isIpv6 ? 60 : 40);
    return isBare && !this.view.wasConnection(this.words[at + hashAt]);
  }

  private openSyn(at: number, direction: number, packet: DecodedPacket, flags: number): number {
    const { words } = this;
    if ((flags & ack) === 0) {
      if ((flags & fin) !== 0) words[at + stateAt] |= StealthKind.other << stealthShift;
      this.setPhase(at, Phase.synSent);
      return Verdict.none;
    }
    words[at + stateAt] ^= 1 << initiatorShift;
    words[at + responderSequenceAt] = packet.tcpSequence | 0;
    words[at + responderAcknowledgementAt] = packet.tcpAcknowledgement | 0;
    this.setPhase(at, Phase.backscatter);
    return this.count(at, direction, flags);
  }

  private openStealth(at: number, packet: DecodedPacket, kind: number): number {
    // No SYN of the responder is expected; the place holds what tells a duplicate.
    this.words[at + responderSequenceAt] = packet.ipId;
    this.words[at + stateAt] |= kind << stealthShift;
    this.setPhase(at, Phase.stealth);
    return Verdict.none;
  }

  private originatorInSynSent(at: number, direction: number, packet: DecodedPacket, flags: number): number {
    const { words } = this;
    if ((flags & (syn | ack)) === syn) {
      if ((flags & rst) === 0) words[at + initiatorSequenceAt] = packet.tcpSequence | 0;
      return Verdict.none;
    }
    const responderUnseen = (words[at + stateAt] & (seenBit << (1 - direction))) === 0;
    const isOneSided = responderUnseen && this.view.mayBeOneSided(words, at);
    if ((flags & rst) !== 0) {
      // An originator that hears a challenge ACK resets and tries again (RFC 5961).
      if (!responderUnseen) return Verdict.none;
      return Verdict.ends | (isOneSided ? Outcome.halfOpen : Outcome.ignored);
    }
    if ((flags & ack) === 0) return Verdict.none;
    words[at + initiatorAcknowledgementAt] = packet.tcpAcknowledgement | 0;
    words[at + stateAt] |= acknowledgedBit;
    return isOneSided ? this.answer(at, direction, flags) : this.count(at, direction, flags);
  }

  private responderInSynSent(at: number, direction: number, packet: DecodedPacket, flags: number): number {
    const { words } = this;
    if ((flags & rst) !== 0) return Verdict.ends | Outcome.refused;
    if ((flags & (syn | ack)) === (syn | ack)) return this.synAcknowledged(at, direction, packet, flags);
    if ((flags & (syn | ack)) !== ack) return Verdict.none;
    const acknowledged = (packet.tcpAcknowledgement - words[at + initiatorSequenceAt]) | 0;
    if (packet.payloadLength > 0 || (flags & fin) !== 0 || acknowledged > 1)
      return this.answer(at, direction, flags);
    return Verdict.none;
  }

  /** The SYN-ACK; an ACK that was captured before it completes the handshake. */
  private synAcknowledged(at: number, direction: number, packet: DecodedPacket, flags: number): number {
    const { words } = this;
    words[at + responderSequenceAt] = packet.tcpSequence | 0;
    this.setPhase(at, Phase.synAnswered);
    return this.isAcknowledged(at) ? this.answer(at, direction, flags) : Verdict.none;
  }

  private inSynAnswered(
    at: number,
    direction: number,
    packet: DecodedPacket,
    flags: number,
    fromInitiator: boolean,
  ): number {
    if ((flags & rst) !== 0) return Verdict.ends | Outcome.halfOpen;
    if (fromInitiator) {
      if ((flags & ack) !== 0) return this.answer(at, direction, flags);
      if ((flags & syn) !== 0) this.words[at + initiatorSequenceAt] = packet.tcpSequence | 0;
      return Verdict.none;
    }
    // Data of a responder that has not been acknowledged yet proves nothing.
    return this.count(at, direction, flags);
  }

  private inBackscatter(
    at: number,
    direction: number,
    packet: DecodedPacket,
    flags: number,
    fromInitiator: boolean,
  ): number {
    const { words } = this;
    if (fromInitiator && (flags & (syn | ack | rst)) === syn) {
      if (((packet.tcpSequence + 1) | 0) !== words[at + responderAcknowledgementAt]) return Verdict.restarts;
      words[at + initiatorSequenceAt] = packet.tcpSequence | 0;
      this.setPhase(at, Phase.synAnswered);
      return this.isAcknowledged(at) ? this.answer(at, direction, flags) : Verdict.none;
    }
    if (!fromInitiator && (flags & (syn | ack | rst)) === syn) return Verdict.restarts;
    if (fromInitiator && (flags & (ack | rst)) === ack) {
      words[at + initiatorAcknowledgementAt] = packet.tcpAcknowledgement | 0;
      words[at + stateAt] |= acknowledgedBit;
    }
    return this.count(at, direction, flags);
  }

  private inStealth(
    at: number,
    direction: number,
    packet: DecodedPacket,
    flags: number,
    fromInitiator: boolean,
  ): number {
    const { words } = this;
    const kind = (words[at + stateAt] >>> stealthShift) & threeBits;
    if (!fromInitiator) {
      if ((flags & rst) !== 0) return Verdict.ends | Outcome.refused;
      if (kind === StealthKind.fragment && (flags & syn) !== 0) return Outcome.halfOpen;
    } else if (
      kind === StealthKind.ack ? this.isDuplicate(at, packet, flags) : isRetry(flags, kind, packet)
    ) {
      return Verdict.none;
    }
    // What was reported stays; else it was the middle of a connection.
    if ((words[at + stateAt] & reportedBit) === 0) words[at + stateAt] &= ~(threeBits << stealthShift);
    this.setPhase(at, Phase.midStream);
    return this.inMidStream(at, direction, packet, flags, fromInitiator);
  }

  private inMidStream(
    at: number,
    direction: number,
    packet: DecodedPacket,
    flags: number,
    fromInitiator: boolean,
  ): number {
    const { words } = this;
    if ((flags & (syn | ack | rst)) !== syn) return this.count(at, direction, flags);
    const isNextToFirst = ((packet.tcpSequence + 1) | 0) === words[at + initiatorSequenceAt];
    if (!fromInitiator || !isNextToFirst || (words[at + stateAt] & reportedBit) !== 0)
      return Verdict.restarts;
    // The ACK was captured before its SYN: the flow had begun with this contact.
    words[at + initiatorSequenceAt] = packet.tcpSequence | 0;
    words[at + stateAt] |= acknowledgedBit;
    this.setPhase(at, Phase.synSent);
    const responderUnseen = (words[at + stateAt] & (seenBit << (1 - direction))) === 0;
    return !responderUnseen || this.view.mayBeOneSided(words, at)
      ? this.answer(at, direction, flags)
      : Verdict.none;
  }

  private inEstablished(
    at: number,
    direction: number,
    packet: DecodedPacket,
    flags: number,
    fromInitiator: boolean,
  ): number {
    if ((flags & (syn | ack | rst)) !== syn) return this.count(at, direction, flags);
    const { words } = this;
    const state = words[at + stateAt];
    const known = words[at + (fromInitiator ? initiatorSequenceAt : responderSequenceAt)];
    if (known === (packet.tcpSequence | 0)) return Verdict.none;
    // Its other end, or one direction of it, was not captured.
    const isOver = (state & (finBit | (finBit << 1))) !== 0;
    const isHalfSeen = (state & (seenBit << (1 - direction))) === 0;
    return isOver || isHalfSeen ? Verdict.restarts : Verdict.none;
  }

  private inEnded(at: number, packet: DecodedPacket, flags: number, fromInitiator: boolean): number {
    const { words } = this;
    if ((flags & (syn | ack | rst)) === syn) {
      const known = words[at + (fromInitiator ? initiatorSequenceAt : responderSequenceAt)];
      return known === (packet.tcpSequence | 0) ? Verdict.none : Verdict.restarts;
    }
    const outcome = (words[at + stateAt] >>> outcomeShift) & threeBits;
    const isLateAnswer = !fromInitiator && (flags & (syn | ack | rst)) === (syn | ack);
    // A host that refused a SYN may take its retransmission.
    if (isLateAnswer && outcome === Outcome.refused) this.setPhase(at, Phase.synAnswered);
    return Verdict.none;
  }

  /** The bare ACK that opened the flow, captured twice. */
  private isDuplicate(at: number, packet: DecodedPacket, flags: number): boolean {
    const { words } = this;
    return (
      flags === ack &&
      packet.payloadLength === 0 &&
      packet.ipId !== 0 &&
      packet.ipId === words[at + responderSequenceAt] &&
      (packet.tcpSequence | 0) === words[at + initiatorSequenceAt] &&
      (packet.tcpAcknowledgement | 0) === words[at + initiatorAcknowledgementAt]
    );
  }

  private isAcknowledged(at: number): boolean {
    const { words } = this;
    return (
      (words[at + stateAt] & acknowledgedBit) !== 0 &&
      words[at + initiatorAcknowledgementAt] === ((words[at + responderSequenceAt] + 1) | 0)
    );
  }

  private answer(at: number, direction: number, flags: number): number {
    this.setPhase(at, Phase.established);
    return Outcome.answered | this.count(at, direction, flags);
  }

  /** Ends of a flow whose outcome needs no more packets: RST, or FIN both ways. */
  private count(at: number, direction: number, flags: number): number {
    if ((flags & fin) !== 0) this.words[at + stateAt] |= finBit << direction;
    if ((flags & rst) !== 0) return Verdict.ends;
    const bothFins = finBit | (finBit << 1);
    return (this.words[at + stateAt] & bothFins) === bothFins ? Verdict.ends : Verdict.none;
  }

  private setPhase(at: number, phase: number): void {
    const { words } = this;
    words[at + stateAt] = (words[at + stateAt] & ~(phaseMask << phaseShift)) | (phase << phaseShift);
  }
}

/** Ports from here on are given to clients by most stacks. */
const clientPortMin = 32_768;

function isServiceToClient(packet: DecodedPacket): boolean {
  const { sourcePort, destinationPort } = packet;
  return (
    (sourcePort < clientPortMin && destinationPort >= clientPortMin) ||
    (sourcePort < 1024 && destinationPort >= 1024)
  );
}

function stealthKindOf(flags: number): number {
  if (flags === 0) return StealthKind.null;
  if (flags === fin) return StealthKind.fin;
  if (flags === (fin | psh | urg)) return StealthKind.xmas;
  return StealthKind.other;
}

/** The same probe once more. */
function isRetry(flags: number, kind: number, packet: DecodedPacket): boolean {
  if (packet.isShortFragment) return kind === StealthKind.fragment;
  return (flags & (syn | rst | ack)) === 0 && stealthKindOf(flags) === kind;
}
