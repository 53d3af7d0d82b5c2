/** IANA protocol numbers that metering tells apart. */
export const icmpProtocol = 1;
export const tcpProtocol = 6;
export const udpProtocol = 17;
export const icmpv6Protocol = 58;
export const sctpProtocol = 132;
