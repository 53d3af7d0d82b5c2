import type { DecodedPacket } from "../decode/decoded-packet.js";
import { clientAt, type NewContact, serviceAt } from "./new-contact.js";
import { TcpFlag } from "./tcp-contact.js";

/** 64 bytes an entry, seen as 16 words and as 8 doubles. */
const wordsShift = 4;
const doublesShift = 3;
/** Words 0 to 3 client, 4 to 7 service; client's port in the high half, service's in the low. */
const portsAt = 8;
/** Bits 0 to 7 protocol, 8 to 15 TCP flags, and those below; 0 when the entry is free. */
const stateAt = 9;
const sequenceAt = 10;
/** Acknowledgement number; of an answered SYN, which has none, the sequence of the SYN-ACK. */
const acknowledgementAt = 11;
/** Layer-3 length in the upper bits, that of the headers below. */
const lengthsAt = 12;
const headersBits = 12;
const headersMax = (1 << headersBits) - 1;
/** IP id in the high half, layer-3 length of the SYN-ACK in the low. */
const idAt = 13;
const timeUsAt = 7;

const usedBit = 1 << 16;
const ipv6Bit = 1 << 17;
const shortFragmentBit = 1 << 18;
const reverseBit = 1 << 19;
const answeredBit = 1 << 20;
const flagsShift = 8;
const answerBytesMax = 0xffff;
/** A large array begins 16 bytes behind a page boundary; this puts an entry on one cache line. */
const cacheLineOffset = 48;

/** Places of the index for each contact that waits. */
const indexShare = 2;

/**
 * First packets of contacts that wait for a second packet of their source, in
 * order of arrival: the newest takes the place of the oldest. Memory is walked
 * in a row and the index is small, because under a flood every packet comes
 * through here. A source whose place in the index is taken by a later one is
 * not found any more.
 */
export class WaitingContacts {
  /** The place that the next contact takes; what is there must be dealt with before. */
  next = 0;
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;
  /** By hash of the client: place, with the lower bits of the hash above it. */
  private readonly index: Int32Array;
  private readonly indexShift: number;
  private readonly placeBits: number;

  /** `contactsMax` is rounded up to a power of two; at most 2^20. */
  constructor(contactsMax: number) {
    this.placeBits = Math.max(1, Math.ceil(Math.log2(contactsMax)));
    const memory = new ArrayBuffer((1 << (this.placeBits + wordsShift + 2)) + cacheLineOffset);
    this.words = new Int32Array(memory, cacheLineOffset);
    this.doubles = new Float64Array(memory, cacheLineOffset);
    this.index = new Int32Array(this.places * indexShare);
    this.indexShift = 32 - Math.log2(this.index.length);
  }

  get places(): number {
    return 1 << this.placeBits;
  }

  /** Where the client of `contact` waits, or -1; `clientHash` is its hash. */
  find(clientHash: number, contact: NewContact): number {
    const entry = this.index[clientHash >>> this.indexShift];
    const { placeBits } = this;
    if ((entry ^ (clientHash << placeBits)) >>> placeBits !== 0) return -1;
    const place = entry & ((1 << placeBits) - 1);
    return this.isSource(place, contact) ? place : -1;
  }

  isUsed(place: number): boolean {
    return this.words[(place << wordsShift) + stateAt] !== 0;
  }

  /** What waits there asked for the same port of the same host. */
  isSameService(place: number, contact: NewContact): boolean {
    const { words } = this;
    const at = place << wordsShift;
    return (
      (words[at + portsAt] & 0xffff) === contact.servicePort &&
      (words[at + stateAt] & 0xff) === contact.protocol &&
      isSame(words, at + serviceAt, contact.words, serviceAt)
    );
  }

  /** And from the same port. */
  isSameFlow(place: number, contact: NewContact): boolean {
    const ports = this.words[(place << wordsShift) + portsAt];
    return ports >>> 16 === contact.clientPort && this.isSameService(place, contact);
  }

  /** Puts a contact at the next place. */
  put(clientHash: number, contact: NewContact, packet: DecodedPacket, timeUs: number): void {
    const { words, next: place } = this;
    this.next = (place + 1) & (this.places - 1);
    this.index[clientHash >>> this.indexShift] = (clientHash << this.placeBits) | place;
    const at = place << wordsShift;
    for (let i = 0; i < 8; i++) words[at + i] = contact.words[i];
    words[at + portsAt] = (contact.clientPort << 16) | contact.servicePort;
    words[at + stateAt] =
      packet.protocol |
      (packet.tcpFlags << flagsShift) |
      usedBit |
      (packet.isIpv6 ? ipv6Bit : 0) |
      (packet.isShortFragment ? shortFragmentBit : 0) |
      (contact.isReverse ? reverseBit : 0);
    words[at + sequenceAt] = packet.tcpSequence;
    words[at + acknowledgementAt] = packet.tcpAcknowledgement;
    const headers = Math.max(0, Math.min(headersMax, packet.ipLength - packet.payloadLength));
    words[at + lengthsAt] = (packet.ipLength << headersBits) | headers;
    words[at + idAt] = packet.ipId << 16;
    this.doubles[(place << doublesShift) + timeUsAt] = timeUs;
  }

  /** Keeps a SYN-ACK with the SYN that waits; false when it cannot. */
  keepAnswer(place: number, packet: DecodedPacket): boolean {
    const { words } = this;
    const at = place << wordsShift;
    const flags = (words[at + stateAt] >>> flagsShift) & (TcpFlag.syn | TcpFlag.ack);
    const isFree = (words[at + stateAt] & (answeredBit | reverseBit)) === 0;
    if (!isFree || flags !== TcpFlag.syn || packet.ipLength > answerBytesMax) return false;
    words[at + stateAt] |= answeredBit;
    words[at + acknowledgementAt] = packet.tcpSequence;
    words[at + idAt] |= packet.ipLength;
    return true;
  }

  /** Bytes of the SYN-ACK that is kept; 0 without one. */
  answerBytes(place: number): number {
    const at = place << wordsShift;
    return (this.words[at + stateAt] & answeredBit) === 0 ? 0 : this.words[at + idAt] & 0xffff;
  }

  timeUs(place: number): number {
    return this.doubles[(place << doublesShift) + timeUsAt];
  }

  free(place: number): void {
    this.words[(place << wordsShift) + stateAt] = 0;
  }

  /** The packet that waits, as it was decoded; without its bytes. */
  loadPacket(place: number, packet: DecodedPacket): void {
    const { words } = this;
    const at = place << wordsShift;
    const state = words[at + stateAt];
    const isAnswered = (state & answeredBit) !== 0;
    this.loadEnds(at, (state & reverseBit) !== 0, packet);
    packet.tcpFlags = (state >>> flagsShift) & 0xff;
    packet.tcpSequence = words[at + sequenceAt] >>> 0;
    packet.tcpAcknowledgement = isAnswered ? 0 : words[at + acknowledgementAt] >>> 0;
    packet.ipLength = words[at + lengthsAt] >>> headersBits;
    packet.payloadLength = Math.max(0, packet.ipLength - (words[at + lengthsAt] & headersMax));
    packet.ipId = words[at + idAt] >>> 16;
    packet.isShortFragment = (state & shortFragmentBit) !== 0;
  }

  /** The SYN-ACK that is kept with it. */
  loadAnswer(place: number, packet: DecodedPacket): void {
    const { words } = this;
    const at = place << wordsShift;
    this.loadEnds(at, true, packet);
    packet.tcpFlags = TcpFlag.syn | TcpFlag.ack;
    packet.tcpSequence = words[at + acknowledgementAt] >>> 0;
    packet.tcpAcknowledgement = (words[at + sequenceAt] + 1) >>> 0;
    packet.ipLength = this.answerBytes(place);
    packet.payloadLength = 0;
    packet.ipId = 0;
    packet.isShortFragment = false;
  }

  private isSource(place: number, contact: NewContact): boolean {
    const { words } = this;
    const at = place << wordsShift;
    return words[at + stateAt] !== 0 && isSame(words, at + clientAt, contact.words, clientAt);
  }

  private loadEnds(at: number, isReverse: boolean, packet: DecodedPacket): void {
    const { words } = this;
    const source = at + (isReverse ? serviceAt : clientAt);
    const destination = at + (isReverse ? clientAt : serviceAt);
    const ports = words[at + portsAt];
    packet.source0 = words[source] >>> 0;
    packet.source1 = words[source + 1] >>> 0;
    packet.source2 = words[source + 2] >>> 0;
    packet.source3 = words[source + 3] >>> 0;
    packet.destination0 = words[destination] >>> 0;
    packet.destination1 = words[destination + 1] >>> 0;
    packet.destination2 = words[destination + 2] >>> 0;
    packet.destination3 = words[destination + 3] >>> 0;
    packet.sourcePort = isReverse ? ports & 0xffff : ports >>> 16;
    packet.destinationPort = isReverse ? ports >>> 16 : ports & 0xffff;
    packet.protocol = words[at + stateAt] & 0xff;
    packet.isIpv6 = (words[at + stateAt] & ipv6Bit) !== 0;
  }
}

function isSame(a: Int32Array, aAt: number, b: Int32Array, bAt: number): boolean {
  return (
    a[aAt + 3] === b[bAt + 3] && a[aAt + 2] === b[bAt + 2] && a[aAt + 1] === b[bAt + 1] && a[aAt] === b[bAt]
  );
}
