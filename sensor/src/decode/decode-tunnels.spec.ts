import { describe, expect, it } from "vitest";
import { decodeFrame } from "./decode-frame.js";
import { DecodedPacket, decodeResultNames } from "./decoded-packet.js";
import { hasTunnelPort } from "./find-tunnel.js";
import { LinkType } from "./link-type.js";
import {
  arp,
  EtherType,
  ethernet,
  geneve,
  gre,
  icmp,
  ipv4,
  ipv6,
  ipv6FragmentHeader,
  joinBytes,
  mpls,
  tcp,
  udp,
  vlanTag,
  vxlan,
} from "./testing/frame-builder.js";
import { TunnelCounters } from "./tunnel-counters.js";
import { tunnelFaultNames } from "./tunnel-kind.js";

/** Decodes a frame that lies between foreign bytes, as in a block. */
function decode(frame: Uint8Array, linkType: number = LinkType.raw, out = new DecodedPacket()) {
  const bytes = joinBytes([0x45, 0x45, 0x45], frame, [0x45, 0x45]);
  const result = decodeFrame(bytes, new DataView(bytes.buffer), 3, frame.length, linkType, out);
  const counters: Record<string, number> = {};
  const counts = new TunnelCounters();
  if (out.tunnels !== 0) counts.count(out);
  counts.addTo(counters);
  const counted = Object.keys(counters).filter((name) => counters[name] > 0);
  return { name: decodeResultNames[result], out, counted, fault: tunnelFaultNames[out.tunnelFault] };
}

const segment = tcp({ sourcePort: 40_000, destinationPort: 443, flags: 0x02, payload: [1, 2, 3] });
const inner4 = ipv4({ source: "192.0.2.1", destination: "192.0.2.2" }, segment);
const inner6 = ipv6({}, segment);
const frame4 = ethernet(EtherType.ipv4, inner4);
const over = (protocol: number, payload: ArrayLike<number>) => ipv4({ protocol }, payload);
const erspan2 = joinBytes([0x10, 1, 0, 0, 0, 0, 0, 0], frame4);
const erspan3 = (last: number, frameType: number, rest: ArrayLike<number>) =>
  joinBytes([0x20, 1, 0, 0, 0, 0, 0, 0, 0, 0, frameType << 2, last], rest);
const mac = [2, 0, 0, 0, 0, 1];
const request = ethernet(EtherType.arp, arp(1, mac, "10.0.0.1", mac, "10.0.0.2"));

describe("the packet in a tunnel is the one that is decoded", () => {
  it.each<[string, Uint8Array, string[]]>([
    ["GRE, IPv4", over(47, gre(EtherType.ipv4, inner4)), ["gre"]],
    ["GRE with checksum, key and sequence", over(47, gre(EtherType.ipv4, inner4, 0xb000)), ["gre"]],
    ["GRE, IPv6", over(47, gre(EtherType.ipv6, inner6)), ["gre"]],
    ["NVGRE", over(47, gre(EtherType.bridging, frame4, 0x2000)), ["gre"]],
    ["GRE in IPv6", ipv6({ nextHeader: 47 }, gre(EtherType.ipv4, inner4)), ["gre"]],
    ["GRE, MPLS", over(47, gre(EtherType.mpls, mpls(2, inner4))), ["gre", "mpls"]],
    ["ERSPAN I", over(47, gre(EtherType.erspan2, frame4)), ["gre", "erspan"]],
    ["ERSPAN II", over(47, gre(EtherType.erspan2, erspan2, 0x1000)), ["gre", "erspan"]],
    ["ERSPAN III", over(47, gre(EtherType.erspan3, erspan3(0, 0, frame4), 0x1000)), ["gre", "erspan"]],
    [
      "ERSPAN III with more header, IP",
      over(47, gre(EtherType.erspan3, erspan3(1, 2, joinBytes(new Uint8Array(8), inner6)))),
      ["gre", "erspan"],
    ],
    ["ERSPAN III, IPv4", over(47, gre(EtherType.erspan3, erspan3(0, 2, inner4))), ["gre", "erspan"]],
    ["VXLAN", over(17, vxlan(frame4)), ["vxlan"]],
    ["VXLAN on Linux' own port", over(17, vxlan(frame4, 0x0800_0000, 8472)), ["vxlan"]],
    ["VXLAN with group policy", over(17, vxlan(frame4, 0x8848_1234)), ["vxlan"]],
    ["VXLAN with a tag", over(17, vxlan(ethernet(EtherType.vlan, vlanTag(9, 0x0800, inner4)))), ["vxlan"]],
    ["VXLAN-GPE, Ethernet", over(17, vxlan(frame4, 0x0c00_0003, 4790)), ["vxlan"]],
    ["VXLAN-GPE, IPv4", over(17, vxlan(inner4, 0x0c00_0001, 4790)), ["vxlan"]],
    ["VXLAN-GPE, IPv6", over(17, vxlan(inner6, 0x0c00_0002, 4790)), ["vxlan"]],
    ["Geneve, Ethernet", over(17, geneve(EtherType.bridging, frame4)), ["geneve"]],
    ["Geneve with options, IPv6", over(17, geneve(EtherType.ipv6, inner6, 63, 0x40)), ["geneve"]],
    ["IPv4 in IPv4", over(4, inner4), ["ip_in_ip"]],
    ["6in4", over(41, inner6), ["ip_in_ip"]],
    ["IPv4 in IPv6", ipv6({ nextHeader: 4 }, inner4), ["ip_in_ip"]],
    ["MPLS in IP", over(137, mpls(1, inner4)), ["mpls"]],
    ["GRE in VXLAN", over(17, vxlan(ethernet(0x0800, over(47, gre(0x0800, inner4))))), ["gre", "vxlan"]],
  ])("%s", (_name, packet, kinds) => {
    const { name, out, counted } = decode(packet);
    expect(name).toBe("flow");
    expect(out).toMatchObject({ protocol: 6, destinationPort: 443, payloadLength: 3, payloadCaptured: 3 });
    expect(out.ipLength).toBe(out.isIpv6 ? inner6.length : inner4.length);
    expect(counted).toEqual(kinds.map((kind) => `tunnels_${kind}`));
  });

  it("with the tag of the frame on the wire", () => {
    const inside = ethernet(EtherType.vlan, vlanTag(9, EtherType.ipv4, inner4));
    const tagged = ethernet(EtherType.vlan, vlanTag(5, EtherType.ipv4, over(17, vxlan(inside))));
    expect(decode(tagged, LinkType.ethernet).out.vlanId).toBe(5);
  });

  it("an ICMP error and what it is about among them", () => {
    const error = ipv4({ protocol: 1 }, icmp(3, 3, over(17, udp(50_000, 161))));
    expect(decode(over(4, error)).out).toMatchObject({ hasInner: true, innerDestinationPort: 161 });
  });

  it("a later fragment is counted as one", () => {
    const later = ipv4({ source: "192.0.2.1", fragmentOffset: 3, id: 77 }, segment);
    const { name, out } = decode(over(4, later));
    expect(name).toBe("later_fragment");
    expect(out).toMatchObject({ fragmentId: 77, source3: 0xc000_0201, tunnelFault: 0 });
  });

  it("and forgotten with the next frame", () => {
    const { out } = decode(over(47, gre(0x1234, [1, 2, 3, 4])));
    expect(decode(inner4, LinkType.raw, out).out).toMatchObject({ tunnels: 0, tunnelFault: 0 });
  });
});

describe("a tunnel that cannot be opened is metered itself, with the reason", () => {
  const nested = (layers: number) => {
    let packet = inner4;
    for (let layer = 0; layer < layers; layer++) packet = over(4, packet);
    return packet;
  };

  it.each<[string, Uint8Array, string]>([
    ["GRE of another protocol", over(47, gre(0x0200, [1, 2, 3, 4])), "undecoded"],
    ["GRE, version 1", over(47, gre(0x880b, new Uint8Array(12), 0x3001)), "undecoded"],
    ["GRE with a source route", over(47, gre(EtherType.ipv4, inner4, 0x4000)), "undecoded"],
    ["GRE without its protocol", over(47, [0, 0, 8]), "truncated"],
    ["GRE without its key", over(47, gre(EtherType.ipv4, [], 0x2000).subarray(0, 7)), "truncated"],
    ["GRE without a packet", over(47, gre(EtherType.ipv4, [])), "truncated"],
    ["GRE, half a label", over(47, gre(EtherType.mpls, [0, 0, 1])), "truncated"],
    ["GRE, a pseudowire", over(47, gre(EtherType.mpls, mpls(1, [0, 0, 0, 0]))), "undecoded"],
    ["GRE, 17 labels", over(47, gre(EtherType.mpls, mpls(17, inner4))), "too_deep"],
    ["ERSPAN II cut", over(47, gre(EtherType.erspan2, [0x10, 0, 0], 0x1000)), "truncated"],
    ["ERSPAN III cut", over(47, gre(EtherType.erspan3, new Uint8Array(11))), "truncated"],
    ["ERSPAN III, more header cut", over(47, gre(EtherType.erspan3, erspan3(1, 0, [1, 2]))), "truncated"],
    ["ERSPAN III of no packet", over(47, gre(EtherType.erspan3, erspan3(0, 2, []))), "truncated"],
    ["ERSPAN III of a radio", over(47, gre(EtherType.erspan3, erspan3(0, 7, frame4))), "undecoded"],
    ["VXLAN, ARP", over(17, vxlan(request)), "undecoded"],
    ["VXLAN, half a frame", over(17, vxlan(frame4.subarray(0, 13))), "truncated"],
    ["VXLAN, half a TCP header", over(17, vxlan(frame4.subarray(0, 14 + 20 + 19))), "truncated"],
    ["Geneve, ARP", over(17, geneve(EtherType.arp, request.subarray(14))), "undecoded"],
    ["Geneve, control", over(17, geneve(EtherType.bridging, frame4, 0, 0x80)), "undecoded"],
    ["Geneve, options cut", over(17, udp(1, 6081, [9, 0, 0x65, 0x58, 0, 0, 7, 0])), "truncated"],
    ["IPv4 in IPv4, cut", over(4, inner4.subarray(0, 19)), "truncated"],
    ["IPv4 where IPv6 belongs", over(41, joinBytes(inner4, inner4)), "bad"],
    ["a bad TCP header inside", over(4, ipv4({}, tcp({ headerWords: 4 }))), "bad"],
    ["five in one another", nested(5), "too_deep"],
    ["a hundred in one another", nested(100), "too_deep"],
    ["a first fragment", ipv4({ protocol: 4, moreFragments: true }, inner4), "fragmented"],
    [
      "a first fragment of IPv6",
      ipv6({ nextHeader: 44 }, joinBytes(ipv6FragmentHeader(47, 0, true), gre(EtherType.ipv4, inner4))),
      "fragmented",
    ],
  ])("%s", (_name, packet, expected) => {
    const { name, out, fault, counted } = decode(packet);
    expect([name, fault]).toEqual(["flow", expected]);
    expect(counted).toContain(`tunnel_faults_${expected}`);
    expect([4, 17, 41, 47]).toContain(out.protocol);
    expect(out.networkEnd).toBe(3 + packet.length);
    expect(out.payloadOffset + out.payloadCaptured).toBe(3 + packet.length);
  });

  it("with its own addresses, ports and length again", () => {
    const packet = ipv4({ source: "198.51.100.7", protocol: 17, ttl: 9, id: 5 }, vxlan(request));
    const plain = new DecodedPacket(0);
    decode(packet, LinkType.raw, plain);
    const { out } = decode(packet);
    const own = [
      "source3",
      "destinationPort",
      "ipLength",
      "ttl",
      "ipId",
      "payloadLength",
      "networkOffset",
    ] as const;
    for (const field of own) expect(out[field], field).toBe(plain[field]);
    expect(out.source3).toBe(0xc633_6407);
  });

  it("of the innermost tunnel where those before could be opened", () => {
    const { out, fault } = decode(
      over(17, vxlan(ethernet(0x86dd, ipv6({ nextHeader: 47 }, gre(0x0200, [1]))))),
    );
    expect([out.isIpv6, out.protocol, fault]).toEqual([true, 47, "undecoded"]);
  });

  it("follows four layers, or as many as it is told to", () => {
    expect(decode(nested(4)).out.protocol).toBe(6);
    expect(decode(nested(4), LinkType.raw, new DecodedPacket(3)).fault).toBe("too_deep");
    const closed = decode(over(17, vxlan(frame4)), LinkType.raw, new DecodedPacket(0));
    expect([closed.out.destinationPort, closed.fault]).toEqual([4789, "too_deep"]);
  });
});

describe("what only looks like a tunnel is none", () => {
  it.each<[string, Uint8Array]>([
    ["a probe for GRE", over(47, [])],
    ["a probe for IPv4 in IPv4", over(4, [])],
    [
      "a datagram from the port of VXLAN",
      over(17, udp(4789, 5000, joinBytes([8, 0, 0, 0, 0, 0, 7, 0], frame4))),
    ],
    ["VXLAN without the I bit", over(17, vxlan(frame4, 0))],
    ["VXLAN with a reserved bit", over(17, vxlan(frame4, 0x0800_0001))],
    ["VXLAN-GPE of another protocol", over(17, vxlan(frame4, 0x0c00_0004))],
    ["VXLAN with a reserved byte", over(17, udp(1, 4789, joinBytes([8, 0, 0, 0, 0, 0, 7, 1], frame4)))],
    ["seven bytes of VXLAN", over(17, udp(1, 4789, [8, 0, 0, 0, 0, 0, 7]))],
    ["Geneve of another version", over(17, geneve(EtherType.bridging, frame4, 0x40))],
    ["Geneve with a reserved bit", over(17, geneve(EtherType.bridging, frame4, 0, 1))],
    ["Geneve of another type", over(17, geneve(0x1234, frame4))],
    ["seven bytes of Geneve", over(17, udp(1, 6081, [0, 0, 0x65, 0x58, 0, 0, 7]))],
  ])("%s", (_name, packet) => {
    const { name, out } = decode(packet);
    expect([name, out.tunnels, out.tunnelFault]).toEqual(["flow", 0, 0]);
  });
});

it.each([4789, 4790, 8472, 6081])("port %d may carry a tunnel, in UDP only", (port) => {
  expect(hasTunnelPort(decode(over(17, udp(port, 9))).out)).toBe(true);
  expect(hasTunnelPort(decode(over(17, udp(9, port))).out)).toBe(true);
  expect(hasTunnelPort(decode(over(17, udp(9, port + 2))).out)).toBe(false);
  expect(hasTunnelPort(decode(ipv4({}, tcp({ destinationPort: port }))).out)).toBe(false);
});

describe("MPLS", () => {
  it.each<[string, Uint8Array, string, string[]]>([
    ["IPv4", ethernet(EtherType.mpls, mpls(1, inner4)), "flow", ["tunnels_mpls"]],
    ["IPv6 under sixteen labels", ethernet(0x8848, mpls(16, inner6)), "flow", ["tunnels_mpls"]],
    [
      "seventeen labels",
      ethernet(EtherType.mpls, mpls(17, inner4)),
      "too_many_mpls_labels",
      ["tunnels_mpls"],
    ],
    ["a label cut", ethernet(EtherType.mpls, [0, 1, 0x41]), "truncated_mpls", ["tunnels_mpls"]],
    ["no bottom", ethernet(EtherType.mpls, [0, 1, 0x40, 64]), "truncated_mpls", ["tunnels_mpls"]],
    ["nothing", ethernet(EtherType.mpls, mpls(1, [])), "truncated_mpls", ["tunnels_mpls"]],
    [
      "a pseudowire",
      ethernet(EtherType.mpls, mpls(1, joinBytes([0, 0, 0, 0], frame4))),
      "not_ip",
      ["tunnels_mpls", "tunnel_faults_undecoded"],
    ],
  ])("%s", (_name, frame, expected, counters) => {
    const { name, counted } = decode(frame, LinkType.ethernet);
    expect([name, counted]).toEqual([expected, counters]);
  });

  it("in PPP, behind a tag, and before another tunnel", () => {
    expect(decode(joinBytes([2, 0x81], mpls(1, inner4)), LinkType.ppp).out.destinationPort).toBe(443);
    const tagged = ethernet(EtherType.vlan, vlanTag(3, EtherType.mpls, mpls(3, over(41, inner6))));
    const { out, counted } = decode(tagged, LinkType.ethernet);
    expect([out.vlanId, out.isIpv6, counted]).toEqual([3, true, ["tunnels_mpls", "tunnels_ip_in_ip"]]);
  });
});
