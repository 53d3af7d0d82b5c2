/** IANA protocol numbers that have a decoder of their own. */
export const IpProtocol = {
  icmp: 1,
  /** IPv4 within IP (RFC 2003). */
  ipv4: 4,
  tcp: 6,
  udp: 17,
  /** IPv6 within IP (RFC 2473, RFC 4213). */
  ipv6: 41,
  gre: 47,
  icmpv6: 58,
  sctp: 132,
  /** MPLS within IP (RFC 4023). */
  mpls: 137,
} as const;

/** Protocols whose header begins with source and destination port. */
export function hasPorts(protocol: number): boolean {
  return protocol === IpProtocol.tcp || protocol === IpProtocol.udp || protocol === IpProtocol.sctp;
}
