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

/** Picket's definition of a flow packet, applied to what tshark dissected. */
export function meteredPacket(packet: TsharkPacket): MeteredPacket | LeftOut {
  const { layers } = packet;
  const network = layers.findIndex((layer) => networkLayers.has(layer));
  if (network === -1) return "not IP";
  return layers[network] === "ip" ? overIpv4(packet) : overIpv6(packet, layers.slice(network + 1));
}

function overIpv4(packet: TsharkPacket): MeteredPacket | LeftOut {
  const [offset] = packet.all("ip.frag_offset");
  if (offset === undefined) return "damaged header";
  if (Number(offset) !== 0) return "later fragment";
  const [source] = packet.all("ip.src");
  const [destination] = packet.all("ip.dst");
  const bytes = Number(packet.all("ip.len")[0]);
  return overIp(packet, Number(packet.all("ip.proto")[0]), source, destination, bytes);
}

function overIpv6(packet: TsharkPacket, above: readonly string[]): MeteredPacket | LeftOut {
  if (Number(packet.all("ipv6.fraghdr.offset")[0] ?? 0) !== 0) return "later fragment";
  const [source] = packet.all("ipv6.src");
  const [destination] = packet.all("ipv6.dst");
  const bytes = ipv6HeaderBytes + Number(packet.all("ipv6.plen")[0]);
  const [first] = above.filter((layer) => !layer.startsWith("ipv6."));
  const protocol = { tcp: 6, udp: 17, icmpv6, sctp: 132 }[first] ?? -1;
  return overIp(packet, protocol, source, destination, bytes);
}

function overIp(
  packet: TsharkPacket,
  protocol: number,
  source: string,
  destination: string,
  bytes: number,
): MeteredPacket | LeftOut {
  if (protocol === icmp || protocol === icmpv6) return overIcmp(packet, protocol, source, destination, bytes);
  const transport = transports.get(protocol);
  const ports = transport === undefined ? [0, 0] : portsOf(packet, transport);
  if (ports === undefined) return "transport header cut off";
  const keyed = flowKey(protocol, endText(source, ports[0]), endText(destination, ports[1]));
  return { ...keyed, bytes, timeUs: packet.timeUs, stream: packet.all("tcp.stream")[0] ?? "" };
}

function portsOf(packet: TsharkPacket, transport: string): [number, number] | undefined {
  const [source] = packet.all(`${transport}.srcport` as "tcp.srcport");
  const [destination] = packet.all(`${transport}.dstport` as "tcp.dstport");
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
