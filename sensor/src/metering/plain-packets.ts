import type { PacketBlock } from "../capture/packet-source.js";
import { IpProtocol } from "../decode/ip-protocol.js";
import { LinkType } from "../decode/link-type.js";
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
import { clockStepUs } from "./flow-lifecycle.js";
import type { FlowTable } from "./flow-table.js";
import type { MeteringCounters } from "./metering-counters.js";
import { TcpFlag } from "./tcp-contact.js";

/** Phases in which a packet without SYN, FIN and RST decides nothing. */
const plainPhases = (1 << Phase.counting) | (1 << Phase.established) | (1 << Phase.midStream);
const handshakeFlags = TcpFlag.syn | TcpFlag.fin | TcpFlag.rst;

const etherTypeIpv4 = 0x0800;
const etherTypeIpv6 = 0x86dd;
const etherTypeVlan = 0x8100;
const ethernetBytes = 14;
const ipv4Bytes = 20;
const ipv6Bytes = 40;
const tcpBytes = 20;
const udpBytes = 8;
/** Version 4 and a header without options. */
const plainIpv4 = 0x45;
/** More fragments, or an offset. */
const fragmentBits = 0x3fff;

/** Copies for the hot path: the compiler folds a module's own constants, it loads imported ones. */
const { tcp, udp } = IpProtocol;
const { ethernet } = LinkType;
const wordsShift = flowWordsShift;
const stateWord = stateAt;
const flagsWord = tcpFlagsAt;
const phaseBits = phaseShift;
const phaseMax = phaseMask;
const seenBits = Math.log2(seenBit);
const lastUsDouble = lastUsAt;
const stepUs = clockStepUs;
const packetsDouble = packetsAt;
const bytesDouble = bytesAt;

/**
 * The hot path of metering. Most packets are plain: TCP or UDP over IP without
 * options or fragments of a flow whose outcome they cannot change.
 * They are counted from the frame straight into the flow. Whatever is not
 * surely plain is left to decode and meter, which would do the same with it.
 */
export class PlainPackets {
  /** Time of the newest packet: a little older ones are out of order, which is ordinary. */
  newestUs = Number.NEGATIVE_INFINITY;
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
   * Counts the plain packets of `block` from `from` on, up to the first that is
   * not plain, was captured after the clock was set back, or reaches `untilUs`;
   * returns its index. Begins at the time `newestUs` and moves it.
   *
   * One long loop, because it runs for every packet: calls that are not inlined
   * would cost more than their work, and a time handed to one is an allocation.
   */
  count(block: PacketBlock, from: number, untilUs: number): number {
    const { bytes, view, offset, capturedLength, linkType, timeUs, count } = block;
    const { words, doubles, counters } = this;
    let { newestUs } = this;
    let outOfOrder = 0;
    let bytesCounted = 0;
    let i = from;
    for (; i < count; i++) {
      const packetUs = timeUs[i];
      if (!(packetUs < untilUs && packetUs > newestUs - stepUs) || linkType[i] !== ethernet) break;
      const frame = offset[i];
      const end = frame + capturedLength[i];
      let network = frame + ethernetBytes;
      if (end < network + ipv4Bytes + udpBytes) break;
      let etherType = view.getUint16(network - 2);
      if (etherType === etherTypeVlan) {
        network += 4;
        etherType = view.getUint16(network - 2);
      }

      let transport = network + ipv4Bytes;
      let ipLength = 0;
      let protocol = 0;
      if (etherType === etherTypeIpv4) {
        if (bytes[network] !== plainIpv4 || (view.getUint16(network + 6) & fragmentBits) !== 0) break;
        ipLength = view.getUint16(network + 2);
        protocol = bytes[network + 9];
      } else {
        const payloadLength = view.getUint16(network + 4);
        if (etherType !== etherTypeIpv6 || bytes[network] >> 4 !== 6 || payloadLength === 0) break;
        transport = network + ipv6Bytes;
        ipLength = payloadLength + ipv6Bytes;
        protocol = bytes[network + 6];
      }

      const transportLength = network + ipLength - transport;
      let tcpFlags = 0;
      let payloadLength = 0;
      if (protocol === tcp) {
        if (end < transport + tcpBytes) break;
        const headerLength = (bytes[transport + 12] >> 4) << 2;
        if (headerLength < tcpBytes || headerLength > transportLength) break;
        payloadLength = transportLength - headerLength;
        tcpFlags = bytes[transport + 13];
        if ((tcpFlags & handshakeFlags) !== 0) break;
      } else {
        if (protocol !== udp || end < transport + udpBytes) break;
        const udpLength = view.getUint16(transport + 4);
        if (udpLength < udpBytes || udpLength > transportLength) break;
        payloadLength = udpLength - udpBytes;
      }

      const found =
        etherType === etherTypeIpv4
          ? this.findIpv4(view, network, protocol)
          : this.findIpv6(view, network, protocol);
      if (found < 0) break;
      const at = (found >> 1) << wordsShift;
      const doublesAt = at >> 1;
      const direction = found & 1;
      const state = words[at + stateWord];
      const isPlain = ((plainPhases >>> ((state >>> phaseBits) & phaseMax)) & 1) === 1;
      const isKnownSide = ((state >>> (seenBits + direction)) & 1) === 1;
      if (!isPlain || !isKnownSide || packetUs < doubles[doublesAt + lastUsDouble]) break;
      // The sign is the flow's wish to look into payload.
      if (state < 0 && payloadLength > 0) break;

      words[at + flagsWord] |= tcpFlags << (direction << 3);
      doubles[doublesAt + lastUsDouble] = packetUs;
      doubles[doublesAt + packetsDouble + direction] += 1;
      doubles[doublesAt + bytesDouble + direction] += ipLength;
      bytesCounted += ipLength;
      if (packetUs >= newestUs) newestUs = packetUs;
      else outOfOrder++;
    }
    counters.packets += i - from;
    counters.packetsOutOfOrder += outOfOrder;
    this.newestUs = newestUs;
    counters.bytes += bytesCounted;
    return i;
  }

  /** Slot * 2 + direction, or less than 0. */
  private findIpv4(view: DataView, network: number, protocol: number): number {
    const source = view.getInt32(network + 12);
    const destination = view.getInt32(network + 16);
    const ports = view.getInt32(network + ipv4Bytes);
    const direction =
      source === destination ? isGreater(ports >>> 16, ports & 0xffff) : isGreater(source, destination);
    const swapped = (source ^ destination) & -direction;
    const slot = this.flows.findIpv4(
      source ^ swapped,
      destination ^ swapped,
      turned(ports, direction),
      protocol,
    );
    return (slot << 1) | direction;
  }

  private findIpv6(view: DataView, network: number, protocol: number): number {
    const source = network + 8;
    const destination = network + 24;
    const ports = view.getInt32(network + ipv6Bytes);
    let word = 12;
    while (word > 0 && view.getInt32(source + word) === view.getInt32(destination + word)) word -= 4;
    const sourceWord = view.getInt32(source + word);
    const destinationWord = view.getInt32(destination + word);
    const direction =
      sourceWord === destinationWord
        ? isGreater(ports >>> 16, ports & 0xffff)
        : isGreater(sourceWord, destinationWord);
    const shift = direction << 4;
    const slot = this.flows.findIpv6(
      view,
      source + shift,
      destination - shift,
      turned(ports, direction),
      protocol,
    );
    return (slot << 1) | direction;
  }
}

/**
 * 1 when a > b, else 0, for signed words: the sign of b - a, put right where
 * that overflows. No branch, for the direction of a packet cannot be predicted.
 */
function isGreater(a: number, b: number): number {
  return ((b & ~a) | (~(b ^ a) & (b - a))) >>> 31;
}

/** Swaps the halves of a word when `direction` is 1. */
function turned(ports: number, direction: number): number {
  const bits = direction << 4;
  return (ports << bits) | (ports >>> bits);
}
