import { IpProtocol } from "../decode/ip-protocol.js";

/** What an ICMP message is to metering. */
export const IcmpRole = {
  /** Neither asks, answers nor reports: a flow of one direction. */
  other: 0,
  request: 1,
  reply: 2,
  /** Reports on the packet it carries. */
  error: 3,
  /** An error that says the contact cannot be made. */
  unreachable: 4,
} as const;

/**
 * Role of a message by protocol and type * 256 + code. Unreachable are all
 * codes of that type except "fragmentation needed" (RFC 792, 1812, 4443).
 */
export function icmpRole(protocol: number, typeCode: number): number {
  const type = typeCode >> 8;
  if (protocol === IpProtocol.icmpv6) {
    if (type === 128) return IcmpRole.request;
    if (type === 129) return IcmpRole.reply;
    if (type === 1) return IcmpRole.unreachable;
    return type < 128 ? IcmpRole.error : IcmpRole.other;
  }
  if (type === 8 || type === 13 || type === 15 || type === 17) return IcmpRole.request;
  if (type === 0 || type === 14 || type === 16 || type === 18) return IcmpRole.reply;
  if (type === 3) return (typeCode & 0xff) === 4 ? IcmpRole.error : IcmpRole.unreachable;
  return type === 4 || type === 5 || type === 11 || type === 12 ? IcmpRole.error : IcmpRole.other;
}

/** Type * 256 + code of the request that a reply answers. */
export function icmpRequestOf(protocol: number, typeCode: number): number {
  const type = typeCode >> 8;
  if (protocol === IpProtocol.icmpv6) return (type - 1) << 8;
  return (type === 0 ? 8 : type - 1) << 8;
}
