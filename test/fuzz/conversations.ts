import { decodeFrame } from "@picket/sensor/decode/decode-frame.js";
import { DecodedPacket, DecodeResult } from "@picket/sensor/decode/decoded-packet.js";
import { IpProtocol } from "@picket/sensor/decode/ip-protocol.js";
import type { SeededRandom } from "../scenarios/seeded-random.js";
import type { MutatedFrame } from "./frame-mutator.js";

/** Where frames come from. */
export interface FrameSource {
  next(frame: MutatedFrame): void;
}

const fin = 0x01;
const syn = 0x02;
const rst = 0x04;
const psh = 0x08;
const ack = 0x10;

/**
 * Lets half of the frames be answers to the one before, so that flows get
 * further than their first packet: the same frame with source and destination
 * exchanged, and in TCP the numbers and flags that may follow.
 */
export class Conversations implements FrameSource {
  private readonly packet = new DecodedPacket();

  constructor(
    private readonly fresh: FrameSource,
    private readonly random: SeededRandom,
  ) {}

  /** Writes the next frame into `frame`, which holds the one before. */
  next(frame: MutatedFrame): void {
    if (this.random.chance(0.5) && this.isAnswerable(frame)) this.answer(frame);
    else this.fresh.next(frame);
  }

  private isAnswerable(frame: MutatedFrame): boolean {
    const view = new DataView(frame.bytes.buffer, 0, frame.length);
    const bytes = new Uint8Array(frame.bytes.buffer, 0, frame.length);
    const { packet } = this;
    return decodeFrame(bytes, view, 0, frame.length, frame.linkType, packet) === DecodeResult.flow;
  }

  private answer(frame: MutatedFrame): void {
    const { isIpv6, networkOffset, transportOffset, protocol, sourcePort, destinationPort } = this.packet;
    const addressBytes = isIpv6 ? 16 : 4;
    const source = networkOffset + (isIpv6 ? 8 : 12);
    exchange(frame.bytes, source, source + addressBytes, addressBytes);
    if (protocol === IpProtocol.udp || protocol === IpProtocol.tcp) {
      const view = new DataView(frame.bytes.buffer);
      view.setUint16(transportOffset, destinationPort);
      view.setUint16(transportOffset + 2, sourcePort);
      if (protocol === IpProtocol.tcp && !this.packet.isShortFragment) this.answerTcp(view, frame.bytes);
    }
  }

  private answerTcp(view: DataView, bytes: Uint8Array): void {
    const { transportOffset, tcpSequence, tcpAcknowledgement, tcpFlags, payloadLength } = this.packet;
    const isSyn = (tcpFlags & (syn | ack)) === syn;
    view.setUint32(transportOffset + 4, isSyn ? 1000 : tcpAcknowledgement);
    view.setUint32(
      transportOffset + 8,
      tcpSequence + payloadLength + ((tcpFlags & (syn | fin)) === 0 ? 0 : 1),
    );
    const next = isSyn ? [syn | ack, syn | ack, rst | ack] : [ack, ack, ack | psh, ack | psh, ack | fin, rst];
    bytes[transportOffset + 13] = this.random.pick(next);
  }
}

/** Exchanges two runs of bytes. */
function exchange(bytes: Uint8Array, first: number, second: number, length: number): void {
  for (let index = 0; index < length; index++) {
    [bytes[first + index], bytes[second + index]] = [bytes[second + index], bytes[first + index]];
  }
}
