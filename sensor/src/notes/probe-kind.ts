import { ProbeKind } from "@picket/proto/batch/flow-columns.js";
import type { DecodedPacket } from "../decode/decoded-packet.js";

/** ZMap's IP id, and the window that it sends with it. */
const zmapIpId = 54_321;
const zmapWindow = 65_535;

/**
 * The scanner that the numbers of an IPv4 SYN give away, where the sender keeps
 * no state and so derives one field from others:
 *
 * - Mirai: the sequence number is the destination address.
 * - masscan: the IP id is address ^ port ^ sequence number, low 16 bits, in a
 *   packet that may be fragmented. One in 65,536 others looks the same.
 * - ZMap: a constant IP id; weak, as newer versions can leave it out.
 */
export function probeKind(packet: DecodedPacket, isDontFragment: boolean): ProbeKind {
  if (packet.isIpv6) return ProbeKind.none;
  const { destination3, tcpSequence, ipId } = packet;
  if (((destination3 ^ tcpSequence) | 0) === 0) return ProbeKind.mirai;
  const mark = (destination3 ^ packet.destinationPort ^ tcpSequence) & 0xffff;
  if (ipId === mark && !isDontFragment) return ProbeKind.masscan;
  if (ipId === zmapIpId && packet.tcpWindow === zmapWindow) return ProbeKind.zmap;
  return ProbeKind.none;
}
