import { icmp, icmpKeyPort, icmpv6, isIcmpError } from "./icmp-definitions.js";
import { endText, flowKey } from "./measured-flow.js";
import type { TsharkPacket } from "./tshark-packets.js";

/** Why Picket meters no flow for a packet, by its definitions. */
export type LeftOut =
  | "not IP"
  | "damaged header"
  | "later fragment"
  | "ICMP error"
  | "transport header cut off";

/** A packet as a meter with Picket's definitions must see it. */
export interface MeteredPacket {
  readonly key: string;
  readonly direction: 0 | 1;
  readonly timeUs: number;
  readonly bytes: number;
  /** tshark's number of the TCP conversation; "" for other protocols. */
  readonly stream: string;
}

const networkLayers = new Set(["ip", "ipv6"]);
/** Protocols whose ports Picket reads. */
const transports = new Map([
  [6, "tcp"],
  [17, "udp"],
  [132, "sctp"],
]);
const ipv6HeaderBytes = 40;

/** Picket's definition of a flow packet, applied to what tshark dissected: the packet inside all tunnels. */
export function meteredPacket(packet: TsharkPacket): MeteredPacket | LeftOut {
  const { layers } = packet;
  const quoting = layers.findIndex((layer) => layer === "icmp" || layer === "icmpv6");
  const network = layers.findLastIndex(
    (layer, i) => networkLayers.has(layer) && (quoting === -1 || i < quoting),
  );
  if (network === -1) return "not IP";
  const outer = layers.slice(0, network);
  return layers[network] === "ip"
    ? overIpv4(packet, outer)
    : overIpv6(packet, outer, layers.slice(network + 1));
}

function overIpv4(packet: TsharkPacket, outer: readonly string[]): MeteredPacket | LeftOut {
  const at = countOf(outer, "ip");
  const offset = packet.all("ip.frag_offset")[at];
  if (offset === undefined) return "damaged header";
  if (Number(offset) !== 0) return "later fragment";
  const [source, destination] = [packet.all("ip.src")[at], packet.all("ip.dst")[at]];
  const bytes = Number(packet.all("ip.len")[at]);
  return overIp(packet, outer, Number(packet.all("ip.proto")[at]), source, destination, bytes);
}

function overIpv6(
  packet: TsharkPacket,
  outer: readonly string[],
  above: readonly string[],
): MeteredPacket | LeftOut {
  if (Number(packet.all("ipv6.fraghdr.offset")[0] ?? 0) !== 0) return "later fragment";
  const at = countOf(outer, "ipv6");
  const [source, destination] = [packet.all("ipv6.src")[at], packet.all("ipv6.dst")[at]];
  const bytes = ipv6HeaderBytes + Number(packet.all("ipv6.plen")[at]);
  const [first] = above.filter((layer) => !layer.startsWith("ipv6."));
  const protocol = { tcp: 6, udp: 17, icmpv6, sctp: 132 }[first] ?? -1;
  return overIp(packet, outer, protocol, source, destination, bytes);
}

/** How many occurrences of a layer's fields belong to the tunnels outside. */
function countOf(outer: readonly string[], name: string): number {
  return outer.filter((layer) => layer === name).length;
}

function overIp(
  packet: TsharkPacket,
  outer: readonly string[],
  protocol: number,
  source: string,
  destination: string,
  bytes: number,
): MeteredPacket | LeftOut {
  if (protocol === icmp || protocol === icmpv6) return overIcmp(packet, protocol, source, destination, bytes);
  const transport = transports.get(protocol);
  const ports = transport === undefined ? [0, 0] : portsOf(packet, transport, countOf(outer, transport));
  if (ports === undefined) return "transport header cut off";
  const keyed = flowKey(protocol, endText(source, ports[0]), endText(destination, ports[1]));
  return { ...keyed, bytes, timeUs: packet.timeUs, stream: packet.all("tcp.stream")[0] ?? "" };
}

function portsOf(packet: TsharkPacket, transport: string, at: number): [number, number] | undefined {
  const source = packet.all(`${transport}.srcport` as "tcp.srcport")[at];
  const destination = packet.all(`${transport}.dstport` as "tcp.dstport")[at];
  // Its last part that Picket reads; tshark shows the ports of less.
  const isWhole = transport !== "tcp" || packet.all("tcp.flags").length > 0;
  if (source === undefined || destination === undefined || !isWhole) return undefined;
  return [Number(source), Number(destination)];
}

/** Requests and replies of a type are one flow, errors are none. */
function overIcmp(
  packet: TsharkPacket,
  protocol: number,
  source: string,
  destination: string,
  bytes: number,
): MeteredPacket | LeftOut {
  const name = protocol === icmp ? "icmp" : "icmpv6";
  const type = Number(packet.all(`${name}.type` as "icmp.type")[0]);
  const code = Number(packet.all(`${name}.code` as "icmp.code")[0]);
  if (Number.isNaN(type) || Number.isNaN(code)) return "transport header cut off";
  if (isIcmpError(protocol, type)) return "ICMP error";
  const port = icmpKeyPort(protocol, type, code);
  const keyed = flowKey(protocol, endText(source, port), endText(destination, port));
  return { ...keyed, bytes, timeUs: packet.timeUs, stream: "" };
}
