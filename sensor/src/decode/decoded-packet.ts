/**
 * Zero, for words of 32 bits. V8 takes a field that begins with 0 for a small
 * integer and all compiled code that touches the object away with the first word
 * of 2^31 or more; minus zero is a double from the start.
 */
const word = -0;

/**
 * What `decodeFrame` found in one frame. One object, reused for every packet:
 * after a result other than `flow`, `arp` and `laterFragment` the fields mean nothing.
 */
export class DecodedPacket {
  /** `tunnelLayersMax` is how many tunnels within each other are followed; 0 leaves all closed. */
  constructor(readonly tunnelLayersMax = 4) {}

  /** Words of the address, most significant first; IPv4 mapped (0, 0, 0xffff, a). */
  source0 = word;
  source1 = word;
  source2 = word;
  source3 = word;
  destination0 = word;
  destination1 = word;
  destination2 = word;
  destination3 = word;
  /** IANA number after the IPv6 extension headers. */
  protocol = 0;
  sourcePort = 0;
  /** ICMP and ICMPv6: type * 256 + code, source port 0. */
  destinationPort = 0;
  tcpFlags = 0;
  tcpSequence = word;
  tcpAcknowledgement = word;
  tcpWindow = 0;
  /** Bytes after the transport header, by the lengths in the headers. */
  payloadLength = 0;
  /** First payload byte in the frame and how many are captured. */
  payloadOffset = 0;
  payloadCaptured = 0;
  /** Where the IP header and the transport header begin in the frame's memory. */
  networkOffset = 0;
  transportOffset = 0;
  /** Where the bytes end that may belong to the IP packet. */
  networkEnd = 0;
  /** Layer-3 length in bytes as the IP header states it. */
  ipLength = 0;
  ttl = 0;
  ipId = 0;
  /** Id of the outermost VLAN tag, 0 without one. */
  vlanId = 0;
  /** Tunnels the packet was in, bits of `TunnelKind`; set whatever the result. */
  tunnels = 0;
  /**
   * Why the innermost tunnel was not opened (`TunnelFault`): then the packet is
   * the tunnel's own, and its silence says nothing about a contact.
   */
  tunnelFault = 0;
  isIpv6 = false;
  /** A fragment other than the first: no ports. */
  isLaterFragment = false;
  isFirstFragment = false;
  /** Of a fragment (first or later) only: its identification, place in the packet, and length in bytes. */
  fragmentId = word;
  fragmentOffset = 0;
  fragmentLength = 0;
  /** True when it says that more fragments follow. */
  hasMoreFragments = false;
  /**
   * A first fragment that ends inside the TCP header: the ports are set, the
   * flags, sequence and window are 0 (RFC 1858 calls it a tiny fragment).
   */
  isShortFragment = false;

  /** An ICMP error carries the flow key of the packet it is about. */
  hasInner = false;
  innerSource0 = word;
  innerSource1 = word;
  innerSource2 = word;
  innerSource3 = word;
  innerDestination0 = word;
  innerDestination1 = word;
  innerDestination2 = word;
  innerDestination3 = word;
  innerProtocol = 0;
  innerSourcePort = 0;
  innerDestinationPort = 0;

  /** ARP (result `arp`): operation, MACs as two words (high 16 bits, low 32), IPv4 addresses. */
  arpOperation = 0;
  arpSenderMacHigh = 0;
  arpSenderMacLow = word;
  arpSenderAddress = word;
  arpTargetMacHigh = 0;
  arpTargetMacLow = word;
  arpTargetAddress = word;
  /** ARP in an Ethernet frame: the frame's source MAC as two words; 0 on other links. */
  ethernetSourceHigh = 0;
  ethernetSourceLow = word;
}

/**
 * Result of `decodeFrame`: a flow packet, an ARP packet, or the reason why the
 * frame is counted and not metered.
 */
export const DecodeResult = {
  /** Addresses and protocol are set (and ports where the protocol has them). */
  flow: 0,
  arp: 1,
  /** A fragment without ports: counted, not metered. */
  laterFragment: 2,
  /** Whole and understood, but nothing we meter (LLDP, STP, OSI …). */
  notIp: 3,
  unsupportedLinkType: 4,
  truncatedLink: 5,
  truncatedVlan: 6,
  truncatedArp: 7,
  badArp: 8,
  truncatedIpv4: 9,
  badIpv4Header: 10,
  badIpv4Length: 11,
  truncatedIpv6: 12,
  badIpv6Extension: 13,
  truncatedTransport: 14,
  badTcpHeader: 15,
  badUdpLength: 16,
  truncatedIcmp: 17,
  truncatedSctp: 18,
  tooManyVlanTags: 19,
  /** Neither 4 nor 6, or not the version the link layer promised. */
  badIpVersion: 20,
  truncatedMpls: 21,
  tooManyMplsLabels: 22,
} as const;
export type DecodeResult = (typeof DecodeResult)[keyof typeof DecodeResult];

/** Counter name of each result by value, as the status shows it. */
export const decodeResultNames: readonly string[] = Object.keys(DecodeResult).map((name) =>
  name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
);
