import type { DecodedPacket } from "../decode/decoded-packet.js";
import { IpProtocol } from "../decode/ip-protocol.js";

/** Hops after which programs that trace a route give up; every system starts with more, most with 64 or more. */
const hopsMax = 30;

/**
 * A datagram that is sent to see where its hop limit runs out, as traceroute and
 * tracepath do, one port after the other: that nothing comes back says nothing
 * about the port. A hop limit of 0 is one that is not known.
 */
export function countsHops({ protocol, ttl }: DecodedPacket): boolean {
  return protocol === IpProtocol.udp && ttl > 0 && ttl <= hopsMax;
}
