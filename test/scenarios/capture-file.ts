import {
  frameBytes,
  tcpBytes,
  TcpFlag,
  udpFrameBytes,
  writeTcpFrame,
  writeUdpFrame,
  type FrameEnds,
} from "./frame.js";
import { PcapWriter } from "./pcap-writer.js";
import { SeededRandom } from "./seeded-random.js";

const udpPackets = 2;
/** Handshake, request, and a teardown of three packets. */
const tcpPacketsMin = 7;
const tcpPorts = [443, 443, 443, 80, 22] as const;

/** What `writeCaptureFile` writes. */
export interface CaptureFileOptions {
  readonly seed: number;
  readonly packets: number;
  /** At most a seventh of the packets. */
  readonly flows: number;
  /** Share of flows over IPv6, 0 to 1. */
  readonly ipv6Share: number;
  /** Flows that are open at the same time. */
  readonly activeFlows: number;
  /** Mean time between packets in microseconds. */
  readonly packetGapMeanUs: number;
}

export const captureFileDefaults: CaptureFileOptions = {
  seed: 1,
  packets: 1_000_000,
  flows: 50_000,
  ipv6Share: 0.1,
  activeFlows: 2000,
  packetGapMeanUs: 25,
};

/**
 * Writes a capture file of ordinary traffic: half of the flows are DNS queries
 * with an answer, the others whole TCP connections from handshake to teardown,
 * interleaved. Exactly as many packets and flows as asked for; the same seed
 * gives the same file. Returns its size in bytes.
 */
export function writeCaptureFile(path: string, options: Partial<CaptureFileOptions> = {}): number {
  const settings = { ...captureFileDefaults, ...options };
  const writer = new PcapWriter(path);
  new Traffic(writer, settings).write();
  writer.close();
  return writer.fileBytes;
}

/** One flow in progress. */
interface ActiveFlow {
  readonly packets: number;
  readonly forward: FrameEnds;
  readonly reverse: FrameEnds;
  sent: number;
  forwardSequence: number;
  reverseSequence: number;
}

class Traffic {
  private readonly random: SeededRandom;
  private readonly lengths: Uint32Array;
  private readonly active: ActiveFlow[] = [];
  private nextFlow = 0;
  private timeUs = 1_790_000_000_000_000;

  constructor(
    private readonly writer: PcapWriter,
    private readonly options: CaptureFileOptions,
  ) {
    this.random = new SeededRandom(options.seed);
    this.lengths = flowLengths(options, this.random);
  }

  write(): void {
    while (this.active.length < this.options.activeFlows && this.nextFlow < this.lengths.length)
      this.active.push(this.startFlow());
    while (this.active.length > 0) {
      const at = this.random.below(this.active.length);
      const flow = this.active[at];
      this.timeUs += this.random.exponential(this.options.packetGapMeanUs);
      this.writePacket(flow);
      if (++flow.sent === flow.packets) this.replace(at);
    }
  }

  private replace(at: number): void {
    if (this.nextFlow < this.lengths.length) {
      this.active[at] = this.startFlow();
      return;
    }
    this.active[at] = this.active[this.active.length - 1];
    this.active.pop();
  }

  /** Source address and port follow from the flow's number, so that no two flows share a key. */
  private startFlow(): ActiveFlow {
    const { random } = this;
    const number = this.nextFlow++;
    const packets = this.lengths[number];
    const forward = {
      isIpv6: random.chance(this.options.ipv6Share),
      source: 0x0a14_0002 + (number % 5000),
      destination: 0x0a1e_0002 + random.below(200),
      sourcePort: 32_768 + (Math.floor(number / 5000) % 28_000),
      destinationPort: packets === udpPackets ? 53 : random.pick(tcpPorts),
    };
    const reverse = {
      isIpv6: forward.isIpv6,
      source: forward.destination,
      destination: forward.source,
      sourcePort: forward.destinationPort,
      destinationPort: forward.sourcePort,
    };
    const [forwardSequence, reverseSequence] = [random.below(2 ** 32), random.below(2 ** 32)];
    return { packets, forward, reverse, sent: 0, forwardSequence, reverseSequence };
  }

  private writePacket(flow: ActiveFlow): void {
    if (flow.packets === udpPackets) this.writeDns(flow);
    else if (flow.sent === 0) this.writeTcp(flow, true, TcpFlag.syn, 0);
    else if (flow.sent === 1) this.writeTcp(flow, false, TcpFlag.syn | TcpFlag.ack, 0);
    else if (flow.sent === 2) this.writeTcp(flow, true, TcpFlag.ack, 0);
    else if (flow.sent === 3)
      this.writeTcp(flow, true, TcpFlag.push | TcpFlag.ack, this.random.between(200, 900));
    else if (flow.sent < flow.packets - 3) this.writeResponse(flow);
    else if (flow.sent === flow.packets - 3) this.writeTcp(flow, true, TcpFlag.fin | TcpFlag.ack, 0);
    else if (flow.sent === flow.packets - 2) this.writeTcp(flow, false, TcpFlag.fin | TcpFlag.ack, 0);
    else this.writeTcp(flow, true, TcpFlag.ack, 0);
  }

  /** Two segments from the server, then one acknowledgement. */
  private writeResponse(flow: ActiveFlow): void {
    if (flow.sent % 3 === 0) return this.writeTcp(flow, true, TcpFlag.ack, 0);
    const payloadBytes = this.random.chance(0.25) ? 1448 : this.random.between(50, 700);
    return this.writeTcp(flow, false, TcpFlag.push | TcpFlag.ack, payloadBytes);
  }

  private writeDns(flow: ActiveFlow): void {
    const ends = flow.sent === 0 ? flow.forward : flow.reverse;
    const payloadBytes = flow.sent === 0 ? this.random.between(28, 60) : this.random.between(60, 300);
    const at = this.writer.frame(this.timeUs, udpFrameBytes(ends.isIpv6, payloadBytes));
    writeUdpFrame(this.writer.bytes, at, ends, payloadBytes);
  }

  private writeTcp(flow: ActiveFlow, isForward: boolean, flags: number, payloadBytes: number): void {
    const ends = isForward ? flow.forward : flow.reverse;
    const at = this.writer.frame(this.timeUs, frameBytes(ends.isIpv6, tcpBytes, payloadBytes));
    const sequence = isForward ? flow.forwardSequence : flow.reverseSequence;
    const peerSequence = isForward ? flow.reverseSequence : flow.forwardSequence;
    const acknowledgement = (flags & TcpFlag.ack) === 0 ? 0 : peerSequence;
    writeTcpFrame(this.writer.bytes, at, ends, flags, sequence, acknowledgement, payloadBytes);
    const next = (sequence + payloadBytes + ((flags & (TcpFlag.syn | TcpFlag.fin)) === 0 ? 0 : 1)) >>> 0;
    if (isForward) flow.forwardSequence = next;
    else flow.reverseSequence = next;
  }
}

/** Packets of each flow; they add up to the packets asked for. */
function flowLengths(options: CaptureFileOptions, random: SeededRandom): Uint32Array {
  const { packets, flows } = options;
  if (packets < flows * tcpPacketsMin)
    throw new RangeError(`${flows} flows need ${flows * tcpPacketsMin} packets`);
  const lengths = new Uint32Array(flows);
  const tcpFlows = Math.ceil(flows / 2);
  const surplusMean = (packets - (flows - tcpFlows) * udpPackets) / Math.max(tcpFlows, 1) - tcpPacketsMin;
  let left = packets;
  for (let flow = 0; flow < flows; flow++) {
    lengths[flow] = flow % 2 === 1 ? udpPackets : tcpPacketsMin + random.exponential(surplusMean);
    left -= lengths[flow];
  }
  for (let flow = 0; left !== 0; flow = (flow + 2) % (tcpFlows * 2)) {
    const change = Math.max(Math.sign(left), tcpPacketsMin - lengths[flow]);
    lengths[flow] += change;
    left -= change;
  }
  return lengths;
}
