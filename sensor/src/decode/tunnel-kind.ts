/** Tunnels that are recognised, as bits: a packet may pass through several. */
export const TunnelKind = {
  gre: 1,
  erspan: 2,
  vxlan: 4,
  geneve: 8,
  mpls: 16,
  /** IPv4 or IPv6 straight in IPv4 or IPv6, 6in4 included. */
  ipInIp: 32,
} as const;
export type TunnelKind = (typeof TunnelKind)[keyof typeof TunnelKind];

/** Why the packet inside a tunnel was not decoded, so that the tunnel's own packet is metered. */
export const TunnelFault = {
  none: 0,
  /** What it carries is neither IPv4 nor IPv6, or in a form that is not read. */
  undecoded: 1,
  /** The capture or the tunnel's packet ends inside the headers. */
  truncated: 2,
  /** Headers that contradict themselves. */
  bad: 3,
  /** The tunnel's packet is a first fragment. */
  fragmented: 4,
  /** More layers than are followed. */
  tooDeep: 5,
} as const;
export type TunnelFault = (typeof TunnelFault)[keyof typeof TunnelFault];

/** Counter name of each kind by its bit's number, and of each fault by value. */
export const tunnelKindNames = ["gre", "erspan", "vxlan", "geneve", "mpls", "ip_in_ip"] as const;
export const tunnelFaultNames = ["none", "undecoded", "truncated", "bad", "fragmented", "too_deep"] as const;
