const ethernetBytes = 14;
const ipv4Bytes = 20;
const ipv6Bytes = 40;
const udpBytes = 8;
const etherTypeIpv4 = 0x0800;
const etherTypeIpv6 = 0x86dd;
/** IPv6 hosts are a network (/48), zeros, and the 32 bits that an IPv4 host would have. */
const usualNetwork = 0xfd00_0000_0000;

/** TCP header with timestamps, as ordinary stacks send it. */
export const tcpBytes = 32;
export const TcpFlag = { fin: 1, syn: 2, reset: 4, push: 8, ack: 16 } as const;

/** The two ends of a flow; `source` and `destination` are 32-bit host numbers. */
export interface FrameEnds {
  readonly isIpv6: boolean;
  readonly source: number;
  readonly destination: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** The 48 bits of each end's IPv6 network; default fd00::/48. */
  readonly sourceNetwork?: number;
  readonly destinationNetwork?: number;
}

/** Bytes of a frame with this transport header and payload. */
export function frameBytes(isIpv6: boolean, transportBytes: number, payloadBytes: number): number {
  return ethernetBytes + (isIpv6 ? ipv6Bytes : ipv4Bytes) + transportBytes + payloadBytes;
}

/** Bytes of a UDP frame with this payload. */
export function udpFrameBytes(isIpv6: boolean, payloadBytes: number): number {
  return frameBytes(isIpv6, udpBytes, payloadBytes);
}

/**
 * Writes a TCP frame with a payload of zeros into `bytes` at `at`, where
 * `frameBytes` zeros must be; all checksums are right.
 */
export function writeTcpFrame(
  bytes: Uint8Array,
  at: number,
  ends: FrameEnds,
  flags: number,
  sequence: number,
  acknowledgement: number,
  payloadBytes: number,
): void {
  const tcp = writeNetwork(bytes, at, ends, 6, tcpBytes + payloadBytes);
  put16(bytes, tcp, ends.sourcePort);
  put16(bytes, tcp + 2, ends.destinationPort);
  put32(bytes, tcp + 4, sequence);
  put32(bytes, tcp + 8, acknowledgement);
  bytes[tcp + 12] = (tcpBytes / 4) << 4;
  bytes[tcp + 13] = flags;
  put16(bytes, tcp + 14, 64_240);
  bytes.set([1, 1, 8, 10], tcp + 20);
  put16(bytes, tcp + 16, transportChecksum(bytes, at, ends, 6, tcpBytes, tcpBytes + payloadBytes));
}

/** Writes a UDP frame with a payload of zeros, as `writeTcpFrame` does. */
export function writeUdpFrame(bytes: Uint8Array, at: number, ends: FrameEnds, payloadBytes: number): void {
  const udp = writeNetwork(bytes, at, ends, 17, udpBytes + payloadBytes);
  put16(bytes, udp, ends.sourcePort);
  put16(bytes, udp + 2, ends.destinationPort);
  put16(bytes, udp + 4, udpBytes + payloadBytes);
  put16(bytes, udp + 6, transportChecksum(bytes, at, ends, 17, udpBytes, udpBytes + payloadBytes) || 0xffff);
}

/** Ethernet and IP headers; returns where the transport header starts. */
function writeNetwork(
  bytes: Uint8Array,
  at: number,
  ends: FrameEnds,
  protocol: number,
  length: number,
): number {
  writeMac(bytes, at, ends.destination);
  writeMac(bytes, at + 6, ends.source);
  put16(bytes, at + 12, ends.isIpv6 ? etherTypeIpv6 : etherTypeIpv4);
  const ip = at + ethernetBytes;
  return ends.isIpv6
    ? writeIpv6(bytes, ip, ends, protocol, length)
    : writeIpv4(bytes, ip, ends, protocol, length);
}

function writeIpv4(bytes: Uint8Array, ip: number, ends: FrameEnds, protocol: number, length: number): number {
  bytes[ip] = 0x45;
  put16(bytes, ip + 2, ipv4Bytes + length);
  bytes[ip + 6] = 0x40;
  bytes[ip + 8] = 64;
  bytes[ip + 9] = protocol;
  put32(bytes, ip + 12, ends.source);
  put32(bytes, ip + 16, ends.destination);
  put16(bytes, ip + 10, fold(sum16(bytes, ip, ipv4Bytes)));
  return ip + ipv4Bytes;
}

function writeIpv6(bytes: Uint8Array, ip: number, ends: FrameEnds, protocol: number, length: number): number {
  bytes[ip] = 0x60;
  put16(bytes, ip + 4, length);
  bytes[ip + 6] = protocol;
  bytes[ip + 7] = 64;
  put48(bytes, ip + 8, ends.sourceNetwork ?? usualNetwork);
  put32(bytes, ip + 20, ends.source);
  put48(bytes, ip + 24, ends.destinationNetwork ?? usualNetwork);
  put32(bytes, ip + 36, ends.destination);
  return ip + ipv6Bytes;
}

/** A locally administered MAC made of the host number. */
function writeMac(bytes: Uint8Array, at: number, host: number): void {
  bytes[at] = 2;
  put32(bytes, at + 2, host);
}

/** RFC 9293 3.1, RFC 8200 8.1; the payload is zeros and adds nothing. */
function transportChecksum(
  bytes: Uint8Array,
  at: number,
  ends: FrameEnds,
  protocol: number,
  headerBytes: number,
  length: number,
): number {
  const ip = at + ethernetBytes;
  const transport = ip + (ends.isIpv6 ? ipv6Bytes : ipv4Bytes);
  const addresses = ends.isIpv6 ? sum16(bytes, ip + 8, 32) : sum16(bytes, ip + 12, 8);
  return fold(addresses + protocol + length + sum16(bytes, transport, headerBytes));
}

function sum16(bytes: Uint8Array, at: number, length: number): number {
  let sum = 0;
  for (let index = at; index < at + length; index += 2) sum += (bytes[index] << 8) | bytes[index + 1];
  return sum;
}

function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return ~folded & 0xffff;
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at, value >>> 16);
  put16(bytes, at + 2, value);
}

function put48(bytes: Uint8Array, at: number, value: number): void {
  put16(bytes, at, Math.floor(value / 2 ** 32));
  put32(bytes, at + 2, value % 2 ** 32);
}
