import { writeFileSync } from "node:fs";
import {
  arp,
  EtherType,
  ethernet,
  gre,
  icmp,
  type Ipv4Fields,
  ipv4,
  ipv6,
  ipv6Extension,
  ipv6FragmentHeader,
  joinBytes,
  sctp,
  tcp,
  udp,
  vlanTag,
  vxlan,
} from "@picket/sensor/decode/testing/frame-builder.js";

/** A frame, when it was captured and how much of it. */
interface OddFrame {
  readonly timeUs: number;
  readonly bytes: Uint8Array;
  readonly capturedLength: number;
}

const originUs = 1_790_000_000_000_000;
const udpProtocol = 17;
const icmpProtocol = 1;
const sctpProtocol = 132;
const mac = [2, 0, 0, 0, 0, 1];

/**
 * Writes a small capture (pcap, microseconds, Ethernet) of everything whose
 * definition meters differ about: tags, padding, fragments, options, errors,
 * ports used again, silences around the idle timeout, frames cut short.
 */
export function writeOddCapture(path: string): void {
  const frames = new OddFrames();
  addLinkLayers(frames);
  addFragments(frames);
  addIcmp(frames);
  addReusedPort(frames);
  addSilences(frames);
  addOtherProtocols(frames);
  addTunnels(frames);
  addDamage(frames);
  writeFileSync(path, pcapOf(frames.all), { mode: 0o600 });
}

class OddFrames {
  readonly all: OddFrame[] = [];
  private timeUs = originUs;

  /** A frame 1.001 ms after the one before; `cutBytes` of it were not captured. */
  add(bytes: Uint8Array, cutBytes = 0): void {
    this.timeUs += 1001;
    this.all.push({ timeUs: this.timeUs, bytes, capturedLength: bytes.length - cutBytes });
  }

  addIpv4(fields: Ipv4Fields, transport: ArrayLike<number>, cutBytes = 0): void {
    this.add(ethernet(EtherType.ipv4, ipv4(fields, transport)), cutBytes);
  }

  wait(us: number): void {
    this.timeUs += us;
  }
}

function addLinkLayers(frames: OddFrames): void {
  const segment = ipv4({}, tcp({ sourcePort: 40_000, destinationPort: 443, flags: 2, sequence: 7 }));
  frames.add(ethernet(EtherType.vlan, vlanTag(5, EtherType.ipv4, segment)));
  // The same flow without its tag: Picket and its peers know no VLAN in a flow's key.
  const answer = tcp({ sourcePort: 443, destinationPort: 40_000, flags: 0x12, acknowledgement: 8 });
  frames.addIpv4({ source: "10.0.0.2", destination: "10.0.0.1" }, answer);
  const datagram = ipv4({ protocol: udpProtocol }, udp(5000, 5001, new Uint8Array(100)));
  const inner = joinBytes([0x81, 0], vlanTag(6, EtherType.ipv4, datagram));
  frames.add(ethernet(EtherType.serviceVlan, joinBytes([0, 7], inner)));
  const padded = ipv4({ protocol: udpProtocol }, udp(5002, 5003, [1]));
  frames.add(ethernet(EtherType.ipv4, joinBytes(padded, new Uint8Array(46 - padded.length))));
  frames.add(ethernet(EtherType.arp, arp(1, mac, "10.0.0.1", [0, 0, 0, 0, 0, 0], "10.0.0.2")));
  frames.add(ethernet(38, joinBytes([0x42, 0x42, 3], new Uint8Array(35))));
  frames.addIpv4({ options: [7, 3, 4, 0] }, tcp({ sourcePort: 40_001, destinationPort: 443, flags: 2 }));
}

function addFragments(frames: OddFrames): void {
  const whole = udp(6000, 6001, new Uint8Array(2000));
  const fields = { protocol: udpProtocol, id: 99 };
  frames.addIpv4({ ...fields, moreFragments: true }, whole.subarray(0, 1480));
  frames.addIpv4({ ...fields, fragmentOffset: 185 }, whole.subarray(1480));
  const first = joinBytes(
    ipv6FragmentHeader(udpProtocol, 0, true),
    udp(6002, 6003, new Uint8Array(1000), 1408),
  );
  const later = joinBytes(ipv6FragmentHeader(udpProtocol, 126, false), new Uint8Array(400));
  frames.add(ethernet(EtherType.ipv6, ipv6({ nextHeader: 44 }, first)));
  frames.add(ethernet(EtherType.ipv6, ipv6({ nextHeader: 44 }, later)));
  const chain = joinBytes(ipv6Extension(60), ipv6Extension(udpProtocol, 1), udp(6004, 6005, [1, 2, 3]));
  frames.add(ethernet(EtherType.ipv6, ipv6({ nextHeader: 0 }, chain)));
}

function addIcmp(frames: OddFrames): void {
  const there = { protocol: icmpProtocol };
  const back = { ...there, source: "10.0.0.2", destination: "10.0.0.1" };
  for (let i = 0; i < 3; i++) {
    frames.addIpv4(there, icmp(8, 0, new Uint8Array(56)));
    frames.addIpv4(back, icmp(0, 0, new Uint8Array(56)));
  }
  frames.addIpv4(there, icmp(13, 0, new Uint8Array(12)));
  frames.addIpv4(back, icmp(14, 0, new Uint8Array(12)));
  const refused = ipv4({ protocol: udpProtocol }, udp(7000, 7001, [1, 2, 3, 4]));
  frames.add(ethernet(EtherType.ipv4, refused));
  frames.addIpv4(back, icmp(3, 3, refused));
  frames.add(ethernet(EtherType.ipv6, ipv6({ nextHeader: 58 }, icmp(128, 0, new Uint8Array(32)))));
  const ends = { source: "2001:db8:0:0:0:0:0:2", destination: "2001:db8:0:0:0:0:0:1" };
  frames.add(ethernet(EtherType.ipv6, ipv6({ ...ends, nextHeader: 58 }, icmp(129, 0, new Uint8Array(32)))));
  frames.add(ethernet(EtherType.ipv6, ipv6({ nextHeader: 58 }, icmp(135, 0, new Uint8Array(24)))));
}

/** Two connections with the same four numbers, and a retransmitted SYN in the second. */
function addReusedPort(frames: OddFrames): void {
  const there = { sourcePort: 41_000, destinationPort: 22 };
  const back = { sourcePort: 22, destinationPort: 41_000 };
  const reverse = { source: "10.0.0.2", destination: "10.0.0.1" };
  for (const sequence of [1000, 900_000]) {
    frames.addIpv4({}, tcp({ ...there, flags: 2, sequence }));
    if (sequence > 1000) frames.addIpv4({}, tcp({ ...there, flags: 2, sequence }));
    frames.addIpv4(reverse, tcp({ ...back, flags: 0x12, sequence: 5, acknowledgement: sequence + 1 }));
    frames.addIpv4({}, tcp({ ...there, sequence: sequence + 1, acknowledgement: 6, payload: [1, 2] }));
    frames.addIpv4({}, tcp({ ...there, flags: 0x11, sequence: sequence + 3, acknowledgement: 6 }));
    frames.addIpv4(reverse, tcp({ ...back, flags: 0x11, sequence: 6, acknowledgement: sequence + 4 }));
    frames.addIpv4({}, tcp({ ...there, sequence: sequence + 4, acknowledgement: 7 }));
  }
}

/** Silences just below and above 30 s, and one flow that lasts longer than an active timeout. */
function addSilences(frames: OddFrames): void {
  for (const seconds of [29, 31, 29, 45]) {
    frames.addIpv4({ protocol: udpProtocol }, udp(8000, 8001, [1]));
    frames.wait(seconds * 1_000_000);
  }
  for (let i = 0; i < 20; i++) {
    frames.addIpv4({ protocol: udpProtocol }, udp(8002, 8003, new Uint8Array(i)));
    frames.wait(10_000_000);
  }
}

function addOtherProtocols(frames: OddFrames): void {
  frames.addIpv4({ protocol: sctpProtocol }, sctp(9000, 9001, [1, 0, 0, 4]));
  frames.addIpv4({ protocol: 89 }, new Uint8Array(44));
  frames.addIpv4({ protocol: 50 }, new Uint8Array(60));
  frames.addIpv4({ protocol: udpProtocol, destination: "224.0.0.251" }, udp(5353, 5353, new Uint8Array(40)));
  frames.addIpv4({ protocol: udpProtocol, destination: "255.255.255.255" }, udp(68, 67, new Uint8Array(240)));
  frames.addIpv4({ destination: "10.0.0.1" }, tcp({ sourcePort: 139, destinationPort: 139, flags: 2 }));
}

/** A packet each in GRE and in VXLAN, and one in both. */
function addTunnels(frames: OddFrames): void {
  const ends = { source: "192.168.7.1", destination: "192.168.7.2" };
  const inner = (port: number): Uint8Array =>
    ipv4({ ...ends, protocol: udpProtocol }, udp(port, 9999, [1, 2]));
  const inGre = gre(EtherType.ipv4, inner(9991));
  frames.addIpv4({ protocol: 47 }, inGre);
  frames.addIpv4({ protocol: udpProtocol }, vxlan(ethernet(EtherType.ipv4, inner(9992))));
  const both = ipv4({ protocol: 47 }, gre(EtherType.ipv4, inner(9993)));
  frames.addIpv4({ protocol: udpProtocol }, vxlan(ethernet(EtherType.ipv4, both)));
}

/** Frames cut short by the capture, and lengths that are wrong. */
function addDamage(frames: OddFrames): void {
  const segment = tcp({
    sourcePort: 42_000,
    destinationPort: 80,
    flags: 0x18,
    payload: new Uint8Array(1400),
  });
  frames.addIpv4({}, segment, 1386);
  frames.addIpv4({}, tcp({ sourcePort: 42_001, destinationPort: 80, flags: 2 }), 16);
  frames.addIpv4({ headerWords: 4 }, udp(1, 2));
  frames.addIpv4({ version: 5 }, udp(1, 2));
  frames.addIpv4({ totalLength: 12 }, udp(1, 2));
  // Segmentation offload leaves the length to the network card.
  frames.addIpv4(
    { totalLength: 0 },
    tcp({ sourcePort: 42_002, destinationPort: 80, payload: new Uint8Array(3000) }),
  );
}

function pcapOf(frames: readonly OddFrame[]): Uint8Array {
  const parts: Uint8Array[] = [words([0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1])];
  for (const { timeUs, bytes, capturedLength } of frames) {
    const seconds = Math.floor(timeUs / 1e6);
    parts.push(
      words([seconds, timeUs % 1e6, capturedLength, bytes.length]),
      bytes.subarray(0, capturedLength),
    );
  }
  return joinBytes(...parts);
}

function words(values: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 4));
  for (const [i, value] of values.entries()) view.setUint32(i * 4, value, true);
  return new Uint8Array(view.buffer);
}
