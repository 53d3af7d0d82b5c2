import { describe, expect, it } from "vitest";
import { decodeFrame } from "./decode-frame.js";
import { DecodedPacket, decodeResultNames } from "./decoded-packet.js";
import { LinkType } from "./link-type.js";
import {
  EtherType,
  ethernet,
  icmp,
  ipv4,
  ipv6,
  ipv6Extension,
  ipv6FragmentHeader,
  joinBytes,
  sctp,
  tcp,
  udp,
} from "./testing/frame-builder.js";

function decode(packet: Uint8Array, linkType: number = LinkType.raw, out = new DecodedPacket()) {
  const bytes = joinBytes([0xee], packet, [0xee, 0xee, 0xee, 0xee]);
  const result = decodeFrame(bytes, new DataView(bytes.buffer), 1, packet.length, linkType, out);
  return { name: decodeResultNames[result], out };
}

const syn = tcp({
  sourcePort: 40_000,
  destinationPort: 443,
  sequence: 0xfedc_ba98,
  acknowledgement: 0x8000_0001,
  flags: 0x12,
  window: 64_240,
  options: [2, 4, 5, 0xb4],
  payload: [1, 2, 3],
});

describe("IPv4", () => {
  it("yields addresses, ports and payload", () => {
    const { name, out } = decode(ipv4({ source: "192.0.2.1", ttl: 57, id: 54_321 }, syn));
    expect(name).toBe("flow");
    expect(out).toMatchObject({
      source0: 0,
      source1: 0,
      source2: 0xffff,
      source3: 0xc000_0201,
      destination2: 0xffff,
      destination3: 0x0a00_0002,
      protocol: 6,
      sourcePort: 40_000,
      destinationPort: 443,
      tcpFlags: 0x12,
      tcpSequence: 0xfedc_ba98,
      tcpAcknowledgement: 0x8000_0001,
      tcpWindow: 64_240,
      payloadLength: 3,
      networkOffset: 1,
      transportOffset: 1 + 20,
      payloadOffset: 1 + 20 + 24,
      payloadCaptured: 3,
      ipLength: 47,
      ttl: 57,
      ipId: 54_321,
      isIpv6: false,
      isFirstFragment: false,
      isLaterFragment: false,
      isShortFragment: false,
      hasInner: false,
    });
  });

  it("passes over options", () => {
    expect(decode(ipv4({ options: [7, 3, 4, 0] }, syn)).out.destinationPort).toBe(443);
  });

  it("does not count Ethernet padding as payload", () => {
    const frame = joinBytes(ethernet(EtherType.ipv4, ipv4({}, tcp())), new Uint8Array(6));
    const { out } = decode(frame, LinkType.ethernet);
    expect(out).toMatchObject({ payloadLength: 0, payloadCaptured: 0, ipLength: 40 });
  });

  it("takes the captured length when offload left the length empty", () => {
    const { name, out } = decode(ipv4({ totalLength: 0 }, tcp({ payload: new Uint8Array(3000) })));
    expect([name, out.payloadLength, out.ipLength]).toEqual(["flow", 3000, 3040]);
  });

  it("tells what was sent from what was captured", () => {
    const { name, out } = decode(ipv4({ totalLength: 1500 }, tcp({ payload: [1, 2] })));
    expect([name, out.payloadLength, out.payloadCaptured]).toEqual(["flow", 1460, 2]);
  });

  it.each([
    ["a header of 16 bytes", ipv4({ headerWords: 4 }, syn), "bad_ipv4_header"],
    ["a length below the header", ipv4({ totalLength: 19 }, syn), "bad_ipv4_length"],
    ["options cut off", ipv4({ headerWords: 15, totalLength: 100 }, []), "truncated_ipv4"],
    ["TCP cut off", ipv4({ totalLength: 40 }, syn.subarray(0, 19)), "truncated_transport"],
    ["a packet too short for TCP", ipv4({}, syn.subarray(0, 19)), "bad_tcp_header"],
    ["a TCP header of 16 bytes", ipv4({}, tcp({ headerWords: 4 })), "bad_tcp_header"],
    ["a TCP header beyond the packet", ipv4({}, tcp({ headerWords: 6 })), "bad_tcp_header"],
    ["a packet too short for UDP", ipv4({ protocol: 17 }, [0, 1, 0, 2, 0, 8, 0]), "bad_udp_length"],
    ["UDP cut off", ipv4({ protocol: 17, totalLength: 40 }, [0, 1, 0, 2]), "truncated_transport"],
    ["a UDP length below its header", ipv4({ protocol: 17 }, udp(1, 2, [], 7)), "bad_udp_length"],
    ["a UDP length beyond the packet", ipv4({ protocol: 17 }, udp(1, 2, [], 9)), "bad_udp_length"],
    ["ICMP cut off", ipv4({ protocol: 1 }, [8, 0, 0]), "truncated_icmp"],
    ["SCTP cut off", ipv4({ protocol: 132 }, sctp(1, 2).subarray(0, 11)), "truncated_sctp"],
  ])("counts %s", (_name, packet, expected) => {
    expect(decode(packet).name).toBe(expected);
  });
});

describe("transports", () => {
  it("takes the UDP payload from the UDP length", () => {
    const { out } = decode(ipv4({ protocol: 17 }, udp(53, 1024, [1, 2, 3, 4], 10)));
    expect(out).toMatchObject({ sourcePort: 53, destinationPort: 1024, tcpFlags: 0, payloadLength: 2 });
  });

  it("accepts UDP without a length", () => {
    expect(decode(ipv4({ protocol: 17 }, udp(53, 1024, [1, 2, 3, 4], 0))).out.payloadLength).toBe(4);
  });

  it("meters a TCP header whose options the snap length cut", () => {
    const { name, out } = decode(ipv4({ totalLength: 60 }, tcp({ headerWords: 10 })));
    expect([name, out.payloadLength, out.payloadCaptured]).toEqual(["flow", 0, 0]);
  });

  it("reads SCTP ports", () => {
    const { out } = decode(ipv4({ protocol: 132 }, sctp(2905, 2906, [0, 0, 0, 4])));
    expect(out).toMatchObject({ protocol: 132, sourcePort: 2905, destinationPort: 2906, payloadLength: 4 });
  });

  it.each([
    ["GRE over IPv4", ipv4({ protocol: 47 }, [1, 2, 3, 4]), 47],
    ["ICMPv6 over IPv4", ipv4({ protocol: 58 }, [128, 0, 0, 0]), 58],
    ["ICMP over IPv6", ipv6({ nextHeader: 1 }, [8, 0, 0, 0]), 1],
    ["no next header", ipv6({ nextHeader: 59 }, [0, 0, 0, 0]), 59],
  ])("meters %s with ports 0", (_name, packet, protocol) => {
    const used = new DecodedPacket();
    used.sourcePort = 1;
    used.destinationPort = 2;
    const { name, out } = decode(packet, LinkType.raw, used);
    expect(name).toBe("flow");
    expect(out).toMatchObject({ protocol, sourcePort: 0, destinationPort: 0, payloadLength: 4 });
  });

  it("makes a port of the ICMP type and code", () => {
    const { out } = decode(ipv4({ protocol: 1 }, icmp(8, 1, [9, 9])));
    expect(out).toMatchObject({ sourcePort: 0, destinationPort: 0x0801, payloadLength: 2, hasInner: false });
  });
});

describe("fragments", () => {
  it("meters a first fragment that holds the header", () => {
    const { name, out } = decode(ipv4({ moreFragments: true }, syn));
    expect([name, out.isFirstFragment, out.isShortFragment]).toEqual(["flow", true, false]);
  });

  it("meters a first fragment that ends in the TCP options", () => {
    expect(decode(ipv4({ moreFragments: true }, tcp({ headerWords: 10 }))).name).toBe("flow");
  });

  it("meters a first UDP fragment: its length is that of the whole datagram", () => {
    const { name, out } = decode(
      ipv4({ protocol: 17, moreFragments: true }, udp(1, 2, new Uint8Array(8), 4000)),
    );
    expect([name, out.payloadLength]).toEqual(["flow", 8]);
  });

  it("marks a first fragment that ends inside the TCP header, with its ports and no flags", () => {
    const { name, out } = decode(ipv4({ moreFragments: true }, syn.subarray(0, 8)));
    expect(name).toBe("flow");
    expect(out).toMatchObject({
      isFirstFragment: true,
      isShortFragment: true,
      sourcePort: 40_000,
      destinationPort: 443,
      tcpFlags: 0,
      payloadLength: 0,
    });
  });

  it("counts a first fragment without ports", () => {
    expect(decode(ipv4({ moreFragments: true }, [1, 2, 3])).name).toBe("truncated_transport");
  });

  it("counts later fragments of IPv4 and IPv6", () => {
    const later4 = decode(ipv4({ fragmentOffset: 1 }, syn));
    expect([later4.name, later4.out.isLaterFragment]).toEqual(["later_fragment", true]);
    const later6 = decode(ipv6({ nextHeader: 44 }, joinBytes(ipv6FragmentHeader(6, 1, false), syn)));
    expect([later6.name, later6.out.isLaterFragment, later6.out.protocol]).toEqual([
      "later_fragment",
      true,
      6,
    ]);
  });

  it("says which part of which packet a fragment is", () => {
    const first4 = decode(ipv4({ id: 7, moreFragments: true }, syn)).out;
    expect(first4).toMatchObject({
      fragmentId: 7,
      fragmentOffset: 0,
      fragmentLength: syn.length,
      hasMoreFragments: true,
    });
    const last4 = decode(ipv4({ id: 7, fragmentOffset: 0x1fff, totalLength: 1500 }, syn)).out;
    expect(last4).toMatchObject({
      fragmentId: 7,
      fragmentOffset: 65_528,
      fragmentLength: 1480,
      hasMoreFragments: false,
    });
    const chain = joinBytes(
      ipv6Extension(51),
      [44, 1, 0, 0],
      new Uint8Array(8),
      ipv6FragmentHeader(44, 0, false),
      ipv6FragmentHeader(60, 0, true),
      ipv6Extension(6),
      syn,
    );
    const first6 = decode(ipv6({ nextHeader: 60 }, chain)).out;
    expect(first6).toMatchObject({
      protocol: 6,
      fragmentId: 7,
      fragmentOffset: 0,
      fragmentLength: 8 + syn.length,
      hasMoreFragments: true,
    });
    const later6 = decode(ipv6({ nextHeader: 44 }, joinBytes(ipv6FragmentHeader(6, 3, false), syn))).out;
    expect(later6).toMatchObject({ fragmentOffset: 24, fragmentLength: syn.length, hasMoreFragments: false });
  });

  it("meters first and atomic fragments of IPv6", () => {
    const first = decode(ipv6({ nextHeader: 44 }, joinBytes(ipv6FragmentHeader(6, 0, true), syn)));
    expect([first.name, first.out.isFirstFragment]).toEqual(["flow", true]);
    const atomic = decode(ipv6({ nextHeader: 44 }, joinBytes(ipv6FragmentHeader(6, 0, false), syn)));
    expect([atomic.name, atomic.out.isFirstFragment]).toEqual(["flow", false]);
  });
});

describe("IPv6", () => {
  it("yields addresses of four words", () => {
    const { name, out } = decode(ipv6({ hopLimit: 3 }, syn));
    expect(name).toBe("flow");
    expect(out).toMatchObject({
      source0: 0x2001_0db8,
      source3: 1,
      destination0: 0x2001_0db8,
      destination3: 2,
      isIpv6: true,
      ttl: 3,
      ipId: 0,
      ipLength: 40 + 27,
      destinationPort: 443,
      payloadLength: 3,
    });
  });

  it.each([
    ["hop-by-hop", 0],
    ["routing", 43],
    ["destination options", 60],
    ["mobility", 135],
    ["host identity", 139],
    ["shim6", 140],
  ])("passes over %s", (_name, header) => {
    const { name, out } = decode(ipv6({ nextHeader: header }, joinBytes(ipv6Extension(6, 2), syn)));
    expect([name, out.protocol, out.destinationPort, out.payloadLength]).toEqual(["flow", 6, 443, 3]);
  });

  it("passes over an authentication header, whose length has its own unit", () => {
    const authentication = joinBytes([6, 4, 0, 0], new Uint8Array(20));
    expect(decode(ipv6({ nextHeader: 51 }, joinBytes(authentication, syn))).out.destinationPort).toBe(443);
  });

  it("walks ten extension headers and gives up on more", () => {
    const chain = (count: number) =>
      joinBytes(...Array.from({ length: count - 1 }, () => ipv6Extension(60)), ipv6Extension(6), syn);
    expect(decode(ipv6({ nextHeader: 60 }, chain(10))).name).toBe("flow");
    expect(decode(ipv6({ nextHeader: 60 }, chain(11))).name).toBe("bad_ipv6_extension");
  });

  it("takes the captured length of a jumbogram or offloaded packet", () => {
    expect(decode(ipv6({ payloadLength: 0 }, syn)).out.payloadLength).toBe(3);
  });

  it.each([
    [
      "an extension beyond the packet",
      ipv6({ nextHeader: 60 }, ipv6Extension(6).subarray(0, 7)),
      "bad_ipv6_extension",
    ],
    [
      "an extension longer than the packet",
      ipv6({ nextHeader: 60 }, [6, 9, 0, 0, 0, 0, 0, 0]),
      "bad_ipv6_extension",
    ],
    ["an extension cut off", ipv6({ nextHeader: 60, payloadLength: 60 }, [6, 0]), "truncated_ipv6"],
    [
      "a long extension cut off",
      ipv6({ nextHeader: 60, payloadLength: 200 }, [6, 9, 0, 0, 0, 0, 0, 0]),
      "truncated_ipv6",
    ],
    ["ICMPv6 cut off", ipv6({ nextHeader: 58 }, [1]), "truncated_icmp"],
  ])("counts %s", (_name, packet, expected) => {
    expect(decode(packet).name).toBe(expected);
  });
});

describe("the packet an ICMP error is about", () => {
  const probe = ipv4({ source: "10.0.0.2", destination: "10.0.0.1", protocol: 17 }, udp(50_000, 161));
  const probe6 = ipv6({ nextHeader: 60 }, joinBytes(ipv6Extension(17), udp(50_000, 161)));

  it.each([3, 4, 5, 11, 12])("is decoded from ICMP type %d", (type) => {
    const { out } = decode(ipv4({ protocol: 1 }, icmp(type, 3, probe)));
    expect(out).toMatchObject({
      hasInner: true,
      innerSource2: 0xffff,
      innerSource3: 0x0a00_0002,
      innerDestination2: 0xffff,
      innerDestination3: 0x0a00_0001,
      innerProtocol: 17,
      innerSourcePort: 50_000,
      innerDestinationPort: 161,
    });
  });

  it.each([1, 2, 3, 4])("is decoded from ICMPv6 type %d, behind extension headers", (type) => {
    const { out } = decode(ipv6({ nextHeader: 58 }, icmp(type, 4, probe6)));
    expect(out).toMatchObject({
      hasInner: true,
      innerSource0: 0x2001_0db8,
      innerSource3: 1,
      innerDestination3: 2,
      innerProtocol: 17,
      innerSourcePort: 50_000,
      innerDestinationPort: 161,
    });
  });

  it("may be an ICMP echo or a protocol without ports", () => {
    const echo = decode(ipv4({ protocol: 1 }, icmp(3, 1, ipv4({ protocol: 1 }, icmp(8, 0)))));
    expect(echo.out).toMatchObject({ hasInner: true, innerSourcePort: 0, innerDestinationPort: 0x0800 });
    const gre = decode(ipv4({ protocol: 1 }, icmp(3, 2, ipv4({ protocol: 47 }, []))));
    expect(gre.out).toMatchObject({ hasInner: true, innerProtocol: 47, innerDestinationPort: 0 });
  });

  it.each([
    ["is cut in its header", probe.subarray(0, 19)],
    ["is cut in its ports", probe.subarray(0, 23)],
    ["is a later fragment", ipv4({ fragmentOffset: 5, protocol: 17 }, udp(1, 2))],
    ["has another version", ipv4({ version: 6 }, udp(1, 2))],
    ["has a short header", ipv4({ headerWords: 4 }, udp(1, 2))],
    ["is an ICMP message cut off", ipv4({ protocol: 1 }, [8])],
  ])("is left out when it %s", (_name, inner) => {
    const { name, out } = decode(ipv4({ protocol: 1 }, icmp(3, 3, inner)));
    expect([name, out.hasInner]).toEqual(["flow", false]);
  });

  it.each([
    ["is cut in its header", probe6.subarray(0, 39)],
    ["is cut in its extensions", probe6.subarray(0, 44)],
    ["is cut in its ports", probe6.subarray(0, 50)],
    ["has another version", ipv6({ version: 4 }, udp(1, 2))],
    ["is a later fragment", ipv6({ nextHeader: 44 }, joinBytes(ipv6FragmentHeader(17, 4, true), udp(1, 2)))],
  ])("is left out of ICMPv6 when it %s", (_name, inner) => {
    const { name, out } = decode(ipv6({ nextHeader: 58 }, icmp(1, 4, inner)));
    expect([name, out.hasInner]).toEqual(["flow", false]);
  });

  it("is forgotten with the next packet", () => {
    const { out } = decode(ipv4({ protocol: 1 }, icmp(3, 3, probe)));
    expect(decode(ipv4({}, syn), LinkType.raw, out).out.hasInner).toBe(false);
  });
});
