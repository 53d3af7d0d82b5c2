import { frameBytes, tcpBytes, TcpFlag, writeTcpFrame, type FrameEnds } from "../scenarios/frame.js";
import { PcapWriter } from "../scenarios/pcap-writer.js";

/** TCP packets without payload, written in the order of their times. */
export class ProbeCapture {
  readonly #packets: { timeUs: number; ends: FrameEnds; flags: number }[] = [];

  /** @param timeUs since the start of the capture */
  add(timeUs: number, ends: FrameEnds, flags: number): void {
    this.#packets.push({ timeUs, ends, flags });
  }

  write(path: string): void {
    const writer = new PcapWriter(path);
    for (const { timeUs, ends, flags } of this.#packets.sort((a, b) => a.timeUs - b.timeUs)) {
      const at = writer.frame(1_790_000_000_000_000 + timeUs, frameBytes(ends.isIpv6, tcpBytes, 0));
      // Answers fit what was asked: every initiator starts at 1000, every responder at 5000.
      const isAnswer = ends.sourcePort < ends.destinationPort;
      const sequence = (isAnswer ? 5000 : 1000) + ((flags & TcpFlag.syn) === 0 ? 1 : 0);
      const acknowledgement = (flags & TcpFlag.ack) === 0 ? 0 : isAnswer ? 1001 : 5001;
      writeTcpFrame(writer.bytes, at, ends, flags, sequence, acknowledgement, 0);
    }
    writer.close();
  }
}

/** The way back. */
export function reversed(ends: FrameEnds): FrameEnds {
  return {
    isIpv6: ends.isIpv6,
    source: ends.destination,
    destination: ends.source,
    sourcePort: ends.destinationPort,
    destinationPort: ends.sourcePort,
    sourceNetwork: ends.destinationNetwork,
    destinationNetwork: ends.sourceNetwork,
  };
}
