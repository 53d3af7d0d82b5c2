import type { DecodedPacket } from "@picket/sensor/decode/decoded-packet.js";

/** Fields that tell a place in the memory, which differs by where the frame lies. */
export const positions: ReadonlySet<string> = new Set([
  "payloadOffset",
  "networkOffset",
  "networkEnd",
  "transportOffset",
]);

/**
 * True when two packets are the same in all but the places in memory. Field by
 * field, for a loop over their names would take longer than decoding.
 */
export function isSamePacket(a: DecodedPacket, b: DecodedPacket): boolean {
  return (
    a.source0 === b.source0 &&
    a.source1 === b.source1 &&
    a.source2 === b.source2 &&
    a.source3 === b.source3 &&
    a.destination0 === b.destination0 &&
    a.destination1 === b.destination1 &&
    a.destination2 === b.destination2 &&
    a.destination3 === b.destination3 &&
    a.protocol === b.protocol &&
    a.sourcePort === b.sourcePort &&
    a.destinationPort === b.destinationPort &&
    a.tcpFlags === b.tcpFlags &&
    a.tcpSequence === b.tcpSequence &&
    a.tcpAcknowledgement === b.tcpAcknowledgement &&
    a.tcpWindow === b.tcpWindow &&
    a.payloadLength === b.payloadLength &&
    a.payloadCaptured === b.payloadCaptured &&
    a.ipLength === b.ipLength &&
    a.ttl === b.ttl &&
    a.ipId === b.ipId &&
    a.vlanId === b.vlanId &&
    a.tunnels === b.tunnels &&
    a.tunnelFault === b.tunnelFault &&
    a.isIpv6 === b.isIpv6 &&
    a.isLaterFragment === b.isLaterFragment &&
    a.isFirstFragment === b.isFirstFragment &&
    a.fragmentId === b.fragmentId &&
    a.fragmentOffset === b.fragmentOffset &&
    a.fragmentLength === b.fragmentLength &&
    a.hasMoreFragments === b.hasMoreFragments &&
    a.isShortFragment === b.isShortFragment &&
    a.hasInner === b.hasInner &&
    a.innerSource0 === b.innerSource0 &&
    a.innerSource1 === b.innerSource1 &&
    a.innerSource2 === b.innerSource2 &&
    a.innerSource3 === b.innerSource3 &&
    a.innerDestination0 === b.innerDestination0 &&
    a.innerDestination1 === b.innerDestination1 &&
    a.innerDestination2 === b.innerDestination2 &&
    a.innerDestination3 === b.innerDestination3 &&
    a.innerProtocol === b.innerProtocol &&
    a.innerSourcePort === b.innerSourcePort &&
    a.innerDestinationPort === b.innerDestinationPort &&
    a.arpOperation === b.arpOperation &&
    a.arpSenderMacHigh === b.arpSenderMacHigh &&
    a.arpSenderMacLow === b.arpSenderMacLow &&
    a.arpSenderAddress === b.arpSenderAddress &&
    a.arpTargetMacHigh === b.arpTargetMacHigh &&
    a.arpTargetMacLow === b.arpTargetMacLow &&
    a.arpTargetAddress === b.arpTargetAddress &&
    a.ethernetSourceHigh === b.ethernetSourceHigh &&
    a.ethernetSourceLow === b.ethernetSourceLow
  );
}
