/** Ends of a packet: IPv4 addresses as 32-bit numbers, ports. */
export interface Endpoints {
  readonly source: number;
  readonly sourcePort: number;
  readonly destination: number;
  readonly destinationPort: number;
}

/** TCP flag bits (RFC 9293). */
export const tcpFlag = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;

const ethernetBytes = 14;
const ipv4Bytes = 20;

/** The packet the other way round. */
export function reversed(ends: Endpoints): Endpoints {
  return {
    source: ends.destination,
    sourcePort: ends.destinationPort,
    destination: ends.source,
    destinationPort: ends.sourcePort,
  };
}

/** An Ethernet frame with an IPv4 TCP segment and `payloadBytes` zero bytes. */
export function tcpFrame(
  ends: Endpoints,
  flags: number,
  sequence: number,
  acknowledgement: number,
  payloadBytes = 0,
): Uint8Array {
  const { frame, view, at } = ipv4Frame(ends, 6, 20 + payloadBytes);
  view.setUint16(at, ends.sourcePort);
  view.setUint16(at + 2, ends.destinationPort);
  view.setUint32(at + 4, sequence);
  view.setUint32(at + 8, acknowledgement);
  view.setUint8(at + 12, 5 << 4);
  view.setUint8(at + 13, flags);
  view.setUint16(at + 14, (flags & tcpFlag.rst) === 0 ? 64_240 : 0);
  return frame;
}

/** An Ethernet frame with an IPv4 UDP datagram and `payloadBytes` zero bytes. */
export function udpFrame(ends: Endpoints, payloadBytes: number): Uint8Array {
  const { frame, view, at } = ipv4Frame(ends, 17, 8 + payloadBytes);
  view.setUint16(at, ends.sourcePort);
  view.setUint16(at + 2, ends.destinationPort);
  view.setUint16(at + 4, 8 + payloadBytes);
  return frame;
}

function ipv4Frame(
  ends: Endpoints,
  protocol: number,
  bodyBytes: number,
): { frame: Uint8Array; view: DataView; at: number } {
  const frame = new Uint8Array(Math.max(60, ethernetBytes + ipv4Bytes + bodyBytes));
  const view = new DataView(frame.buffer);
  writeMac(view, 0, ends.destination);
  writeMac(view, 6, ends.source);
  view.setUint16(12, 0x0800);
  view.setUint8(ethernetBytes, 0x45);
  view.setUint16(ethernetBytes + 2, ipv4Bytes + bodyBytes);
  view.setUint16(ethernetBytes + 6, 0x4000);
  view.setUint8(ethernetBytes + 8, 64);
  view.setUint8(ethernetBytes + 9, protocol);
  view.setUint32(ethernetBytes + 12, ends.source);
  view.setUint32(ethernetBytes + 16, ends.destination);
  view.setUint16(ethernetBytes + 10, headerChecksum(view, ethernetBytes));
  return { frame, view, at: ethernetBytes + ipv4Bytes };
}

/** A locally administered address made from the IPv4 address. */
function writeMac(view: DataView, at: number, address: number): void {
  view.setUint16(at, 0x0200);
  view.setUint32(at + 2, address);
}

/** RFC 1071 over the 20 bytes of the header. */
function headerChecksum(view: DataView, at: number): number {
  let sum = 0;
  for (let i = 0; i < ipv4Bytes; i += 2) sum += view.getUint16(at + i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
