import { addPackets, type MeasuredFlow, newFlow } from "./measured-flow.js";
import type { MeteredPacket } from "./metered-packet.js";

/** A flow of the peer, with what tells how it may differ from ours. */
export interface TsharkFlow extends MeasuredFlow {
  /** A packet came before one with an earlier time. */
  isDisordered: boolean;
}

/**
 * Flows of the packets in the order of the file: conversations as tshark
 * numbers them (TCP, where a port that is used again is a conversation of its
 * own) or by their ends, cut where nothing came for `idleTimeoutUs`.
 */
export function tsharkFlows(packets: Iterable<MeteredPacket>, idleTimeoutUs: number): TsharkFlow[] {
  const flows: TsharkFlow[] = [];
  const newest = new Map<string, TsharkFlow>();
  for (const packet of packets) {
    const conversation = `${packet.key} ${packet.stream}`;
    let flow = newest.get(conversation);
    if (flow === undefined || packet.timeUs - flow.endUs >= idleTimeoutUs) {
      flow = { ...newFlow(packet.key), isDisordered: false };
      newest.set(conversation, flow);
      flows.push(flow);
    }
    flow.isDisordered ||= packet.timeUs < flow.endUs;
    addPackets(flow, packet.direction, 1, packet.bytes, packet.timeUs, packet.timeUs);
  }
  return flows;
}
