/**
 * Builds frames for tests and generated traffic, inside out: a transport, the
 * IP packet around it, the link layer around that. Checksums are zero.
 */

/** Joins byte runs. */
export function joinBytes(...parts: readonly ArrayLike<number>[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let position = 0;
  for (const part of parts) {
    joined.set(part, position);
    position += part.length;
  }
  return joined;
}

/** A 16-bit number in network byte order. */
export function word16(value: number): number[] {
  return [(value >>> 8) & 0xff, value & 0xff];
}

/** A 32-bit number in network byte order. */
export function word32(value: number): number[] {
  return [...word16(value >>> 16), ...word16(value & 0xffff)];
}

/** Bytes of a dotted IPv4 address. */
export function ipv4Address(text: string): number[] {
  return text.split(".").map(Number);
}

/** Bytes of an IPv6 address of eight groups, all written out. */
export function ipv6Address(text: string): number[] {
  return text.split(":").flatMap((group) => word16(parseInt(group, 16)));
}

/** Fields of a TCP segment; what is left out is 0, the flags are ACK. */
export interface TcpFields {
  sourcePort?: number;
  destinationPort?: number;
  sequence?: number;
  acknowledgement?: number;
  flags?: number;
  window?: number;
  /** Whole words of options. */
  options?: readonly number[];
  /** Header length in words, when it should be wrong. */
  headerWords?: number;
  payload?: ArrayLike<number>;
}

/** A TCP segment. */
export function tcp(fields: TcpFields = {}): Uint8Array {
  const options = fields.options ?? [];
  const words = fields.headerWords ?? 5 + options.length / 4;
  return joinBytes(
    word16(fields.sourcePort ?? 0),
    word16(fields.destinationPort ?? 0),
    word32(fields.sequence ?? 0),
    word32(fields.acknowledgement ?? 0),
    [words << 4, fields.flags ?? 0x10],
    word16(fields.window ?? 0),
    [0, 0, 0, 0],
    options,
    fields.payload ?? [],
  );
}

/** A UDP datagram; `length` when the header should lie. */
export function udp(
  sourcePort: number,
  destinationPort: number,
  payload: ArrayLike<number> = [],
  length = 8 + payload.length,
): Uint8Array {
  return joinBytes(word16(sourcePort), word16(destinationPort), word16(length), [0, 0], payload);
}

/** ICMP or ICMPv6 with an empty second word. */
export function icmp(type: number, code: number, body: ArrayLike<number> = []): Uint8Array {
  return joinBytes([type, code, 0, 0, 0, 0, 0, 0], body);
}

/** An SCTP packet with one opaque chunk. */
export function sctp(
  sourcePort: number,
  destinationPort: number,
  payload: ArrayLike<number> = [],
): Uint8Array {
  return joinBytes(word16(sourcePort), word16(destinationPort), [0, 0, 0, 1, 0, 0, 0, 0], payload);
}

/** Fields of an IPv4 header; lengths are computed unless given. */
export interface Ipv4Fields {
  source?: string;
  destination?: string;
  protocol?: number;
  ttl?: number;
  id?: number;
  /** Offset in units of eight bytes. */
  fragmentOffset?: number;
  moreFragments?: boolean;
  options?: readonly number[];
  version?: number;
  headerWords?: number;
  totalLength?: number;
}

/** An IPv4 packet from 10.0.0.1 to 10.0.0.2 unless told otherwise. */
export function ipv4(fields: Ipv4Fields, payload: ArrayLike<number>): Uint8Array {
  const options = fields.options ?? [];
  const words = fields.headerWords ?? 5 + options.length / 4;
  const fragment = (fields.moreFragments === true ? 0x2000 : 0) | (fields.fragmentOffset ?? 0);
  return joinBytes(
    [((fields.version ?? 4) << 4) | words, 0],
    word16(fields.totalLength ?? 20 + options.length + payload.length),
    word16(fields.id ?? 0),
    word16(fragment),
    [fields.ttl ?? 64, fields.protocol ?? 6, 0, 0],
    ipv4Address(fields.source ?? "10.0.0.1"),
    ipv4Address(fields.destination ?? "10.0.0.2"),
    options,
    payload,
  );
}

/** Fields of an IPv6 header; the length is computed unless given. */
export interface Ipv6Fields {
  source?: string;
  destination?: string;
  nextHeader?: number;
  hopLimit?: number;
  payloadLength?: number;
  version?: number;
}

/** An IPv6 packet from 2001:db8::1 to 2001:db8::2 unless told otherwise. */
export function ipv6(fields: Ipv6Fields, payload: ArrayLike<number>): Uint8Array {
  return joinBytes(
    [(fields.version ?? 6) << 4, 0, 0, 0],
    word16(fields.payloadLength ?? payload.length),
    [fields.nextHeader ?? 6, fields.hopLimit ?? 64],
    ipv6Address(fields.source ?? "2001:db8:0:0:0:0:0:1"),
    ipv6Address(fields.destination ?? "2001:db8:0:0:0:0:0:2"),
    payload,
  );
}

/** An extension header of eight bytes (or `units` more) that announces `nextHeader`. */
export function ipv6Extension(nextHeader: number, units = 0): Uint8Array {
  return joinBytes([nextHeader, units, 1, 4, 0, 0, 0, 0], new Uint8Array(units * 8));
}

/** An IPv6 fragment header. */
export function ipv6FragmentHeader(nextHeader: number, offset: number, moreFragments: boolean): Uint8Array {
  return joinBytes([nextHeader, 0], word16((offset << 3) | (moreFragments ? 1 : 0)), word32(7));
}

/** An ARP packet; MACs as six bytes. */
export function arp(
  operation: number,
  senderMac: readonly number[],
  sender: string,
  targetMac: readonly number[],
  target: string,
): Uint8Array {
  return joinBytes(
    [0, 1, 8, 0, 6, 4],
    word16(operation),
    senderMac,
    ipv4Address(sender),
    targetMac,
    ipv4Address(target),
  );
}

/** EtherTypes that tests use. */
export const EtherType = {
  ipv4: 0x0800,
  arp: 0x0806,
  erspan3: 0x22eb,
  bridging: 0x6558,
  vlan: 0x8100,
  ipv6: 0x86dd,
  mpls: 0x8847,
  serviceVlan: 0x88a8,
  erspan2: 0x88be,
} as const;

/** An Ethernet frame. */
export function ethernet(etherType: number, payload: ArrayLike<number>): Uint8Array {
  return joinBytes([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1], word16(etherType), payload);
}

/** What follows a VLAN EtherType: the tag, the next EtherType, its payload. */
export function vlanTag(id: number, etherType: number, payload: ArrayLike<number>): Uint8Array {
  return joinBytes(word16(id), word16(etherType), payload);
}

/** MPLS labels, the last one at the bottom of the stack, and what they carry. */
export function mpls(labels: number, payload: ArrayLike<number>): Uint8Array {
  const stack = Array.from({ length: labels }, (_, index) => [0, 1, index === labels - 1 ? 0x41 : 0x40, 64]);
  return joinBytes(stack.flat(), payload);
}

/** GRE; `flags` says which of checksum (0x8000), key (0x2000) and sequence (0x1000) are there. */
export function gre(etherType: number, payload: ArrayLike<number>, flags = 0): Uint8Array {
  const words = [0x8000, 0x2000, 0x1000].filter((bit) => (flags & bit) !== 0).length;
  return joinBytes(word16(flags), word16(etherType), new Uint8Array(words * 4), payload);
}

/** A UDP datagram of VXLAN with an Ethernet frame in it. */
export function vxlan(frame: ArrayLike<number>, flags = 0x0800_0000, port = 4789): Uint8Array {
  return udp(50_000, port, joinBytes(word32(flags), [0, 0, 7, 0], frame));
}

/** A UDP datagram of Geneve with so many words of options. */
export function geneve(
  etherType: number,
  payload: ArrayLike<number>,
  optionWords = 0,
  flags = 0,
): Uint8Array {
  const header = joinBytes(
    [optionWords, flags],
    word16(etherType),
    [0, 0, 7, 0],
    new Uint8Array(optionWords * 4),
  );
  return udp(50_000, 6081, joinBytes(header, payload));
}
