import type { DecodedPacket } from "../decode/decoded-packet.js";
import { IpProtocol } from "../decode/ip-protocol.js";
import { TunnelFault } from "../decode/tunnel-kind.js";

/**
 * True for a packet that asks nobody in particular, and so is no contact: many
 * receivers, no source, or a tunnel whose inside cannot be read.
 */
export function isNoContact(packet: DecodedPacket): boolean {
  const { source0, source1, source2, source3, destination0, destination1, destination2, destination3 } =
    packet;
  return (
    (packet.tunnelFault !== TunnelFault.none && packet.tunnelFault !== TunnelFault.bad) ||
    isManyReceivers(destination0, destination1, destination2, destination3) ||
    isUnspecified(source0, source1, source2, source3) ||
    (packet.protocol === IpProtocol.udp && !packet.isIpv6 && isNearBroadcast(source3, destination3))
  );
}

/** True for the multicast addresses of both families and the IPv4 broadcast. */
function isManyReceivers(w0: number, w1: number, w2: number, w3: number): boolean {
  if (w0 === 0 && w1 === 0 && w2 === 0xffff) return w3 >>> 28 === 0xe || w3 >>> 0 === 0xffff_ffff;
  return w0 >>> 24 === 0xff;
}

/** True for 0.0.0.0 and ::. */
function isUnspecified(w0: number, w1: number, w2: number, w3: number): boolean {
  return (w0 | w1 | w3) === 0 && (w2 === 0 || w2 === 0xffff);
}

/**
 * True for an IPv4 destination that ends in 255 within the source's own /24:
 * the broadcast address of most networks, whose masks a sensor does not know.
 */
function isNearBroadcast(source3: number, destination3: number): boolean {
  return (destination3 & 0xff) === 0xff && (source3 ^ destination3) >>> 8 === 0;
}
