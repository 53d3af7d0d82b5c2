import { CaptureFile } from "@picket/sensor/capture/capture-file.js";
import { PacketBlock } from "@picket/sensor/capture/packet-source.js";
import { decodeFrame } from "@picket/sensor/decode/decode-frame.js";
import { DecodedPacket, DecodeResult } from "@picket/sensor/decode/decoded-packet.js";
import { PcapWriter } from "../scenarios/pcap-writer.js";

/** One frame of a capture (Ethernet), with what it has to do with a scanner. */
export interface CapturedFrame {
  /** Microseconds since the Unix epoch. */
  readonly timeUs: number;
  readonly bytes: Uint8Array;
  /**
   * Number of the scanner's contact that it belongs to, either way and errors about it too: from 0 in the
   * order of the first probes, one for each target, protocol and port. Undefined for what others do.
   */
  readonly contact: number | undefined;
  /** Last 32 bits of the address that the scanner touches there, or of both ends of others. */
  readonly host: number;
}

const icmp = 1;
const icmpv6 = 58;

/**
 * Every frame with addresses of a capture, in order.
 * @param scanner the last 32 bits of its address
 */
export async function framesOf(path: string, scanner: number): Promise<CapturedFrame[]> {
  const frames: CapturedFrame[] = [];
  const contacts = new Map<string, number>();
  const file = await CaptureFile.open(path);
  const block = new PacketBlock();
  const packet = new DecodedPacket();
  while (await file.next(block)) {
    for (let i = 0; i < block.count; i++) {
      const { bytes, view, offset, capturedLength, linkType, timeUs } = block;
      const result = decodeFrame(bytes, view, offset[i], capturedLength[i], linkType[i], packet);
      if (result !== DecodeResult.flow && result !== DecodeResult.arp) continue;
      const touch = result === DecodeResult.arp ? arpTouch(packet, scanner) : touchOf(packet, scanner);
      let contact: number | undefined;
      if (touch.key !== undefined) {
        contact = contacts.get(touch.key) ?? contacts.size;
        contacts.set(touch.key, contact);
      }
      const frame = bytes.slice(offset[i], offset[i] + capturedLength[i]);
      frames.push({ timeUs: timeUs[i], bytes: frame, contact, host: touch.host });
    }
  }
  await file.stop();
  return frames;
}

/** Writes frames as a capture file. */
export function writeFrames(path: string, frames: readonly CapturedFrame[]): void {
  const writer = new PcapWriter(path);
  for (const { timeUs, bytes } of frames) {
    const at = writer.frame(timeUs, bytes.length);
    writer.bytes.set(bytes, at);
  }
  writer.close();
}

interface Touch {
  readonly key: string | undefined;
  readonly host: number;
}

function touchOf(packet: DecodedPacket, scanner: number): Touch {
  const { source3, destination3, protocol } = packet;
  const isByScanner = (source3 | 0) === scanner;
  const isToScanner = (destination3 | 0) === scanner;
  if (!isByScanner && !isToScanner) return { key: undefined, host: source3 ^ destination3 };
  if (packet.hasInner && (packet.innerSource3 | 0) === scanner) return innerTouch(packet);
  const host = isByScanner ? destination3 : source3;
  const isIcmp = protocol === icmp || protocol === icmpv6;
  const port = isIcmp ? 0 : isByScanner ? packet.destinationPort : packet.sourcePort;
  return { key: `${host >>> 0} ${protocol} ${port}`, host };
}

/** An error is about the probe that it quotes, whoever sends it. */
function innerTouch({ innerDestination3, innerProtocol, innerDestinationPort }: DecodedPacket): Touch {
  const isIcmp = innerProtocol === icmp || innerProtocol === icmpv6;
  const key = `${innerDestination3 >>> 0} ${innerProtocol} ${isIcmp ? 0 : innerDestinationPort}`;
  return { key, host: innerDestination3 };
}

function arpTouch({ arpSenderAddress, arpTargetAddress }: DecodedPacket, scanner: number): Touch {
  const host = arpSenderAddress ^ arpTargetAddress;
  const isOfScanner = (arpSenderAddress | 0) === scanner || (arpTargetAddress | 0) === scanner;
  if (!isOfScanner) return { key: undefined, host };
  const target = (arpSenderAddress | 0) === scanner ? arpTargetAddress : arpSenderAddress;
  return { key: `${target >>> 0} arp`, host: target };
}
