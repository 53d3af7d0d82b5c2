import { TcpFlag } from "../metering/tcp-contact.js";
import type { PacketBlock } from "./packet-source.js";
import { RingBlockReader } from "./ring-block.js";

const slotBytes = 384;
/** A packet lies this far behind its header in a ring, so that the IP header is aligned. */
const frameAt = 82;
const flowsOpen = 64;
const packetsOfFlow = 20;
const payloadBytes = 100;
const packetGapUs = 20;
const ringBytes = flowsOpen * packetsOfFlow * slotBytes;
const ethernetBytes = 14;
const { syn, ack, fin, rst } = TcpFlag;
const query = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: rehearsal.example\r\n\r\n");

/**
 * Made-up traffic of the kinds a sensor sees: connections from handshake to
 * teardown, refused and unanswered ones, datagrams; a third over IPv6. Headers
 * are whole, checksums and most payloads are zero.
 */
export class RehearsalTraffic {
  readonly #bytes = new Uint8Array(ringBytes);
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #reader: RingBlockReader;
  #packets = 0;
  #nextFlow = 0;
  #timeUs = 1_700_000_000_000_000;

  /** `onBlock` receives what a ring would deliver. */
  constructor(onBlock: (block: PacketBlock) => void) {
    this.#reader = new RingBlockReader(this.#bytes.buffer, ringBytes, false, 0, onBlock);
  }

  /** Delivers the next packets, of flows that were not there before; returns how many. */
  next(): number {
    this.#bytes.fill(0);
    this.#packets = 0;
    for (let step = 0; step < packetsOfFlow; step++)
      for (let flow = 0; flow < flowsOpen; flow++) this.#write(this.#nextFlow + flow, step);
    this.#nextFlow += flowsOpen;
    this.#reader.read(0, 0, this.#packets);
    return this.#packets;
  }

  /** Packet number `step` of a flow, if it has that many. */
  #write(flow: number, step: number): void {
    if (flow % 4 === 0) return this.#writeUdp(flow, step);
    const isAnswered = flow % 4 !== 1;
    if (!isAnswered && step > flow % 3) return;
    const flags = isAnswered ? flagsOf(step) : step === 0 ? syn : rst | ack;
    const payload = isAnswered && step > 2 && step < packetsOfFlow - 3 ? payloadBytes : 0;
    const at = this.#writeIp(flow, step, 6, 20 + payload);
    const [bytes, view] = [this.#bytes, this.#view];
    // Both halves of the range: a number of 2^31 or more is another kind to the compiler.
    const sequence = Math.imul(flow, 0x9e37_79b9) + step * 10;
    view.setUint32(at + 4, sequence);
    view.setUint32(at + 8, step === 0 ? 0 : sequence);
    bytes[at + 12] = 5 << 4;
    bytes[at + 13] = flags;
    if (step === 3) bytes.set(query, at + 20);
  }

  #writeUdp(flow: number, step: number): void {
    if (step > 2 + (flow % 8)) return;
    const at = this.#writeIp(flow, step, 17, 8 + payloadBytes);
    this.#view.setUint16(at + 4, 8 + payloadBytes);
  }

  /** Ethernet and IP headers and the ports; returns where transport starts. */
  #writeIp(flow: number, step: number, protocol: number, length: number): number {
    const [bytes, view] = [this.#bytes, this.#view];
    const frame = this.#add();
    const ip = frame + ethernetBytes;
    const isIpv6 = flow % 3 === 0;
    const isReply = step % 2 === 1;
    view.setUint16(ip - 2, isIpv6 ? 0x86dd : 0x0800);
    bytes[ip] = isIpv6 ? 0x60 : 0x45;
    view.setUint16(ip + (isIpv6 ? 4 : 2), isIpv6 ? length : 20 + length);
    bytes[ip + (isIpv6 ? 6 : 9)] = protocol;
    bytes[ip + (isIpv6 ? 7 : 8)] = 64;
    const ends = ip + (isIpv6 ? 20 : 12);
    const [source, destination] = isReply ? [16, 0] : [0, 16];
    const apart = isIpv6 ? 1 : 0.25;
    view.setUint32(ends + source * apart, (flow & 1 ? 0x0a00_0001 : 0xc0a8_0001) + (flow & 0x1ff));
    view.setUint32(ends + destination * apart, (flow & 2 ? 0x0b00_0001 : 0xac10_0001) + ((flow * 7) & 0x3f));
    const transport = ip + (isIpv6 ? 40 : 20);
    const port = 32_768 + ((flow >> 3) & 0x3fff);
    view.setUint16(transport + (isReply ? 2 : 0), port);
    view.setUint16(transport + (isReply ? 0 : 2), protocol === 17 ? 53 : 80 + (flow % 5));
    view.setUint32(frame - frameAt + 12, transport + length - frame, true);
    view.setUint32(frame - frameAt + 16, transport + length - frame, true);
    return transport;
  }

  /** Time and places into the header of the next packet; returns where its frame begins. */
  #add(): number {
    const view = this.#view;
    const header = this.#packets++ * slotBytes;
    view.setUint32(header, slotBytes, true);
    view.setUint32(header + 4, Math.floor(this.#timeUs / 1e6), true);
    view.setUint32(header + 8, (this.#timeUs % 1e6) * 1000, true);
    view.setUint16(header + 24, frameAt, true);
    this.#timeUs += packetGapUs;
    return header + frameAt;
  }
}

/** A handshake, data, a teardown; odd packets are the responder's. */
function flagsOf(step: number): number {
  if (step === 0) return syn;
  if (step === 1) return syn | ack;
  return step === packetsOfFlow - 3 || step === packetsOfFlow - 2 ? fin | ack : ack;
}
