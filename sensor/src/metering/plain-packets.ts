import type { DecodedPacket } from "../decode/decoded-packet.js";
import { IpProtocol } from "../decode/ip-protocol.js";
import {
  bytesAt,
  flowWordsShift,
  lastUsAt,
  packetsAt,
  Phase,
  phaseMask,
  phaseShift,
  seenBit,
  stateAt,
  tcpFlagsAt,
} from "./flow-layout.js";
import type { FlowTable } from "./flow-table.js";
import type { MeteringCounters } from "./metering-counters.js";
import { TcpFlag } from "./tcp-contact.js";

/** Phases in which a packet without SYN, FIN and RST decides nothing. */
const plainPhases = (1 << Phase.counting) | (1 << Phase.established) | (1 << Phase.midStream);
/** Copies for the hot path: the compiler folds a module's own constants, it loads imported ones. */
const icmp = IpProtocol.icmp;
const wordsShift = flowWordsShift;
const stateWord = stateAt;
const flagsWord = tcpFlagsAt;
const phaseBits = phaseShift;
const phaseMax = phaseMask;
const seenBits = Math.log2(seenBit);
const lastUsDouble = lastUsAt;
const packetsDouble = packetsAt;
const bytesDouble = bytesAt;
const handshakeFlags = TcpFlag.syn | TcpFlag.fin | TcpFlag.rst;

/** The hot path of metering: most packets only add to a flow. */
export class PlainPackets {
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;

  constructor(
    private readonly flows: FlowTable,
    private readonly counters: MeteringCounters,
  ) {
    this.words = flows.words;
    this.doubles = flows.doubles;
  }

  /**
   * Counts an IPv4 packet in order that only adds to a flow whose
   * outcome it cannot change. False when the packet needs more than that; then
   * nothing has happened.
   */
  count(packet: DecodedPacket, timeUs: number): boolean {
    const { tcpFlags, protocol, ipLength } = packet;
    if (packet.isIpv6 || (tcpFlags & handshakeFlags) !== 0 || protocol === icmp) return false;
    const found = this.flows.findIpv4(packet);
    if (found === -1) return false;
    const { words, doubles, counters } = this;
    const at = (found >> 1) << wordsShift;
    const doublesAt = at >> 1;
    const direction = found & 1;
    const state = words[at + stateWord];
    const isPlain = ((plainPhases >>> ((state >>> phaseBits) & phaseMax)) & 1) === 1;
    const isKnownSide = ((state >>> (seenBits + direction)) & 1) === 1;
    if (!isPlain || !isKnownSide || timeUs < doubles[doublesAt + lastUsDouble]) return false;
    words[at + flagsWord] |= tcpFlags << (direction << 3);
    doubles[doublesAt + lastUsDouble] = timeUs;
    doubles[doublesAt + packetsDouble + direction] += 1;
    doubles[doublesAt + bytesDouble + direction] += ipLength;
    counters.packets++;
    counters.bytes += ipLength;
    return true;
  }
}
