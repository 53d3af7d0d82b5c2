/**
 * A biflow as any meter reports it. Direction 0 is from the lower of the two
 * ends (as text), so that it does not matter whom a meter calls the initiator.
 */
export interface MeasuredFlow {
  /** Protocol and both ends; see `flowKey`. */
  readonly key: string;
  /** Times of the first and the last packet, microseconds since the Unix epoch. */
  startUs: number;
  endUs: number;
  /** Packets and layer-3 bytes of direction 0 and 1. */
  readonly packets: [number, number];
  readonly bytes: [number, number];
}

/** A flow key, and which direction one of its packets has. */
export interface KeyedDirection {
  readonly key: string;
  readonly direction: 0 | 1;
}

/** Key of the packets between two ends, each an address and a port ("" where there are none). */
export function flowKey(protocol: number, source: string, destination: string): KeyedDirection {
  const isTurned = source > destination;
  const [low, high] = isTurned ? [destination, source] : [source, destination];
  return { key: `${protocol} ${low} ${high}`, direction: isTurned ? 1 : 0 };
}

/** An address with its port, as `flowKey` takes it. */
export function endText(address: string, port: number): string {
  return `${address}#${port}`;
}

/** A flow without packets. */
export function newFlow(key: string): MeasuredFlow {
  return { key, startUs: Infinity, endUs: -Infinity, packets: [0, 0], bytes: [0, 0] };
}

/** Adds one direction's packets, captured from `startUs` to `endUs`, to a flow. */
export function addPackets(
  flow: MeasuredFlow,
  direction: 0 | 1,
  packets: number,
  bytes: number,
  startUs: number,
  endUs: number,
): void {
  flow.packets[direction] += packets;
  flow.bytes[direction] += bytes;
  flow.startUs = Math.min(flow.startUs, startUs);
  flow.endUs = Math.max(flow.endUs, endUs);
}

/** All flows of a key as one: whatever cut them no longer matters. */
export function joinFlows(flows: Iterable<MeasuredFlow>): Map<string, MeasuredFlow> {
  const joined = new Map<string, MeasuredFlow>();
  for (const flow of flows) {
    const whole = joined.get(flow.key) ?? newFlow(flow.key);
    joined.set(flow.key, whole);
    addPackets(whole, 0, flow.packets[0], flow.bytes[0], flow.startUs, flow.endUs);
    addPackets(whole, 1, flow.packets[1], flow.bytes[1], flow.startUs, flow.endUs);
  }
  return joined;
}

/** A flow in one line; equal text, equal flow. `unitUs` is the finest time both meters tell. */
export function flowText(flow: MeasuredFlow, unitUs = 1): string {
  const { key, startUs, endUs, packets, bytes } = flow;
  const times = [startUs, endUs].map((us) => Math.floor(us / unitUs) * unitUs);
  return `${key} packets ${packets.join("/")} bytes ${bytes.join("/")} from ${times[0]} to ${times[1]}`;
}
