import { describe, expect, it } from "vitest";
import { decodeFrame } from "./decode-frame.js";
import { DecodedPacket, DecodeResult, decodeResultNames } from "./decoded-packet.js";
import { LinkType } from "./link-type.js";
import {
  arp,
  EtherType,
  ethernet,
  ipv4,
  ipv6,
  joinBytes,
  tcp,
  udp,
  vlanTag,
  word16,
} from "./testing/frame-builder.js";

/** Decodes a frame that lies between foreign bytes, as in a block. */
function decode(frame: Uint8Array, linkType: number = LinkType.ethernet, out = new DecodedPacket()) {
  const bytes = joinBytes([0xee, 0xee, 0xee], frame, [0xee, 0xee]);
  const result = decodeFrame(bytes, new DataView(bytes.buffer), 3, frame.length, linkType, out);
  return { name: decodeResultNames[result], out };
}

const segment = tcp({ sourcePort: 40_000, destinationPort: 443, flags: 0x02 });
const packet4 = ipv4({}, segment);
const packet6 = ipv6({}, segment);
const mac = [2, 0, 0, 0, 0, 1];

describe("link layers that carry IP", () => {
  const tagged = vlanTag(100, EtherType.ipv4, packet4);
  const cooked = (protocol: number, hardware = 1) =>
    joinBytes(word16(0), word16(hardware), word16(6), new Uint8Array(8), word16(protocol));
  const cooked2 = (protocol: number, hardware = 1) =>
    joinBytes(word16(protocol), word16(0), [0, 0, 0, 2], word16(hardware), [0, 6], new Uint8Array(8));
  const snap = (payload: Uint8Array, organisation = 0) =>
    joinBytes([0xaa, 0xaa, 3, 0, 0, organisation], word16(EtherType.ipv4), payload);

  it.each<[string, number, Uint8Array, string]>([
    ["Ethernet, IPv4", 1, ethernet(EtherType.ipv4, packet4), "flow"],
    ["Ethernet, IPv6", 1, ethernet(EtherType.ipv6, packet6), "flow"],
    ["802.1Q", 1, ethernet(EtherType.vlan, tagged), "flow"],
    ["802.1Q with IPv6", 1, ethernet(EtherType.vlan, vlanTag(1, EtherType.ipv6, packet6)), "flow"],
    ["802.1ad", 1, ethernet(EtherType.serviceVlan, vlanTag(7, EtherType.vlan, tagged)), "flow"],
    ["QinQ of old", 1, ethernet(0x9100, vlanTag(7, 0x9200, tagged)), "flow"],
    ["802.3 with SNAP", 1, ethernet(48, snap(packet4)), "flow"],
    ["802.3 with IP as access point", 1, ethernet(43, joinBytes([6, 6, 3], packet4)), "flow"],
    ["802.3 with another organisation", 1, ethernet(48, snap(packet4, 9)), "not_ip"],
    ["spanning tree", 1, ethernet(38, joinBytes([0x42, 0x42, 3], new Uint8Array(43))), "not_ip"],
    ["LLDP", 1, ethernet(0x88cc, new Uint8Array(46)), "not_ip"],
    ["neither length nor type", 1, ethernet(1501, packet4), "not_ip"],
    ["PPPoE session", 1, ethernet(0x8864, joinBytes([0x11, 0, 0, 1, 0, 42, 0, 0x21], packet4)), "flow"],
    ["Linux cooked", 113, joinBytes(cooked(EtherType.ipv4), packet4), "flow"],
    ["Linux cooked, tagged", 113, joinBytes(cooked(EtherType.vlan), tagged), "flow"],
    ["Linux cooked, 802.2", 113, joinBytes(cooked(4), packet4), "not_ip"],
    ["Linux cooked, netlink", 113, joinBytes(cooked(EtherType.ipv4, 824), packet4), "not_ip"],
    ["Linux cooked 2", 276, joinBytes(cooked2(EtherType.ipv6), packet6), "flow"],
    ["Linux cooked 2, netlink", 276, joinBytes(cooked2(EtherType.ipv6, 824), packet6), "not_ip"],
    ["raw IPv4", 101, packet4, "flow"],
    ["raw IPv6", 101, packet6, "flow"],
    ["raw, BSD", 12, packet4, "flow"],
    ["raw, OpenBSD", 14, packet6, "flow"],
    ["raw, neither version", 101, ipv4({ version: 5 }, segment), "bad_ip_version"],
    ["IPv4 only", 228, packet4, "flow"],
    ["IPv6 only", 229, packet6, "flow"],
    ["IPv6 where IPv4 belongs", 228, packet6, "bad_ip_version"],
    ["IPv4 where IPv6 belongs", 229, packet4, "bad_ip_version"],
    ["loopback, little endian", 0, joinBytes([2, 0, 0, 0], packet4), "flow"],
    ["loopback, big endian", 0, joinBytes([0, 0, 0, 2], packet4), "flow"],
    ["loopback, IPv6 of Darwin", 0, joinBytes([30, 0, 0, 0], packet6), "flow"],
    ["loopback, IPv6 of FreeBSD", 108, joinBytes([0, 0, 0, 28], packet6), "flow"],
    ["loopback, another family", 0, joinBytes([16, 0, 0, 0], packet4), "not_ip"],
    ["PPP", 9, joinBytes([0xff, 3, 0, 0x21], packet4), "flow"],
    ["PPP without address", 9, joinBytes([0, 0x57], packet6), "flow"],
    ["PPP, compressed protocol", 50, joinBytes([0x21], packet4), "flow"],
    ["PPP, link control", 9, joinBytes([0xff, 3, 0xc0, 0x21], packet4), "not_ip"],
    ["a radio header", 127, packet4, "unsupported_link_type"],
  ])("%s", (_name, linkType, frame, expected) => {
    expect(decode(frame, linkType).name).toBe(expected);
  });

  it.each<[string, number, Uint8Array, string]>([
    ["nothing", 1, new Uint8Array(0), "truncated_link"],
    ["13 bytes of Ethernet", 1, ethernet(EtherType.ipv4, []).subarray(0, 13), "truncated_link"],
    ["half a tag", 1, ethernet(EtherType.vlan, [0, 1, 8]), "truncated_vlan"],
    ["half a second tag", 1, ethernet(EtherType.vlan, vlanTag(1, EtherType.vlan, [0])), "truncated_vlan"],
    ["LLC cut by its length", 1, ethernet(2, joinBytes([6, 6, 3], packet4)), "truncated_link"],
    ["SNAP cut", 1, ethernet(48, [0xaa, 0xaa, 3, 0, 0]), "truncated_link"],
    ["PPPoE cut", 1, ethernet(0x8864, [0x11, 0, 0, 1]), "truncated_link"],
    ["15 bytes of Linux cooked", 113, new Uint8Array(15), "truncated_link"],
    ["19 bytes of Linux cooked 2", 276, new Uint8Array(19), "truncated_link"],
    ["no raw packet", 101, new Uint8Array(0), "truncated_link"],
    ["half a loopback header", 0, new Uint8Array(3), "truncated_link"],
    ["one byte of PPP", 9, new Uint8Array(1), "truncated_link"],
    ["PPP address only", 9, new Uint8Array([0xff, 3]), "truncated_link"],
    ["no IPv4 header", 1, ethernet(EtherType.ipv4, packet4.subarray(0, 19)), "truncated_ipv4"],
    ["no IPv6 header", 1, ethernet(EtherType.ipv6, packet6.subarray(0, 39)), "truncated_ipv6"],
  ])("counts %s as truncated", (_name, linkType, frame, expected) => {
    expect(decode(frame, linkType).name).toBe(expected);
  });

  it("reports the outermost tag and forgets it with the next frame", () => {
    const inner = vlanTag(200, EtherType.ipv4, packet4);
    const { out } = decode(ethernet(EtherType.serviceVlan, vlanTag(0x6064, EtherType.vlan, inner)));
    expect(out.vlanId).toBe(100);
    expect(decode(ethernet(EtherType.ipv4, packet4), 1, out).out.vlanId).toBe(0);
  });

  it("gives up on a fifth tag", () => {
    let payload: Uint8Array = vlanTag(1, EtherType.ipv4, packet4);
    for (let tags = 2; tags <= 4; tags++) payload = vlanTag(1, EtherType.vlan, payload);
    expect(decode(ethernet(EtherType.vlan, payload)).name).toBe("flow");
    const five = ethernet(EtherType.vlan, vlanTag(1, EtherType.vlan, payload));
    expect(decode(five).name).toBe("too_many_vlan_tags");
  });

  it("keeps the payload within an 802.3 length", () => {
    const frame = ethernet(
      8 + 20 + 8,
      snap(joinBytes(ipv4({ protocol: 17, totalLength: 60 }, udp(1, 2, [], 40)))),
    );
    expect(decode(joinBytes(frame, new Uint8Array(30))).out.payloadCaptured).toBe(0);
  });
});

describe("ARP", () => {
  const request = arp(1, mac, "10.0.0.1", [0, 0, 0, 0, 0, 0], "10.0.0.2");

  it("yields operation, MACs and addresses", () => {
    const { name, out } = decode(ethernet(EtherType.arp, request));
    expect(name).toBe("arp");
    expect(out).toMatchObject({
      arpOperation: 1,
      arpSenderMacHigh: 0x0200,
      arpSenderMacLow: 1,
      arpSenderAddress: 0x0a00_0001,
      arpTargetMacHigh: 0,
      arpTargetMacLow: 0,
      arpTargetAddress: 0x0a00_0002,
    });
  });

  it.each([
    ["cut in the fixed part", request.subarray(0, 7), "truncated_arp"],
    ["cut in the addresses", request.subarray(0, 27), "truncated_arp"],
    ["of long hardware addresses", joinBytes([0, 1, 8, 0, 8, 4], request.subarray(6)), "bad_arp"],
    ["for another protocol", joinBytes([0, 1, 0x81, 0, 6, 4], request.subarray(6)), "bad_arp"],
  ])("counts ARP %s", (_name, body, expected) => {
    expect(decode(ethernet(EtherType.arp, body)).name).toBe(expected);
  });
});

it("names every result", () => {
  expect(decodeResultNames).toHaveLength(Object.keys(DecodeResult).length);
  expect(decodeResultNames[DecodeResult.badIpVersion]).toBe("bad_ip_version");
});
