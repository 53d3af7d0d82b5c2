import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { CaptureFile } from "@picket/sensor/capture/capture-file.js";
import { PacketBlock } from "@picket/sensor/capture/packet-source.js";
import { LinkType } from "@picket/sensor/decode/link-type.js";
import {
  arp,
  EtherType,
  ethernet,
  geneve,
  gre,
  icmp,
  ipv4,
  ipv6,
  ipv6Extension,
  ipv6FragmentHeader,
  joinBytes,
  mpls,
  sctp,
  tcp,
  udp,
  vlanTag,
  vxlan,
} from "@picket/sensor/decode/testing/frame-builder.js";

/** A frame to start from. */
export interface CorpusFrame {
  readonly linkType: number;
  readonly bytes: Uint8Array;
}

/** Longest frame that is kept: headers are what matters. */
export const frameBytesMax = 2048;
const framesPerFileMax = 48;

/** Generated frames of every layer, and the first frames of every real capture that is there. */
export async function readCorpus(): Promise<CorpusFrame[]> {
  const folders = [
    process.env["PICKET_CAPTURES"] ?? resolve("../shared/captures"),
    process.env["PICKET_MALFORMED"] ?? resolve("../shared/malformed"),
  ];
  const frames = generatedFrames();
  for (const path of folders.flatMap(captureFiles)) frames.push(...(await firstFrames(path)));
  return frames;
}

function captureFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return names.filter((name) => /\.(pcap|pcapng|cap)(\.gz)?$/.test(name)).map((name) => join(folder, name));
}

async function firstFrames(path: string): Promise<CorpusFrame[]> {
  const file = await CaptureFile.open(path);
  const block = new PacketBlock(framesPerFileMax);
  await file.next(block);
  await file.stop();
  return Array.from({ length: block.count }, (_, index) => {
    const start = block.offset[index];
    const length = Math.min(block.capturedLength[index], frameBytesMax);
    return { linkType: block.linkType[index], bytes: block.bytes.slice(start, start + length) };
  });
}

/** Frames of every layer that is decoded. */
export function generatedFrames(): CorpusFrame[] {
  const packets4 = ipv4Packets();
  const packets6 = ipv6Packets();
  const mac = [2, 0, 0, 0, 0, 1];
  const frames: CorpusFrame[] = [
    { linkType: LinkType.ethernet, bytes: ethernet(EtherType.arp, arp(1, mac, "10.0.0.1", mac, "10.0.0.2")) },
  ];
  for (const packet of packets4) frames.push(...wrapped(EtherType.ipv4, packet, 2, 0x21));
  for (const packet of packets6) frames.push(...wrapped(EtherType.ipv6, packet, 30, 0x57));
  for (const packet of tunnelPackets()) frames.push(...wrapped(EtherType.ipv4, packet, 2, 0x21));
  const labelled = mpls(15, ipv4({}, tcp()));
  frames.push({ linkType: LinkType.ethernet, bytes: ethernet(EtherType.mpls, labelled) });
  frames.push({ linkType: LinkType.ppp, bytes: joinBytes([2, 0x81], labelled) });
  return frames;
}

function ipv4Packets(): Uint8Array[] {
  const segment = tcp({
    sourcePort: 40_000,
    destinationPort: 443,
    options: [2, 4, 5, 0xb4],
    payload: [1, 2, 3],
  });
  const datagram = udp(50_000, 53, [1, 2, 3, 4]);
  return [
    ipv4({}, segment),
    ipv4({ options: [7, 3, 4, 0] }, segment),
    ipv4({ protocol: 17 }, datagram),
    ipv4({ protocol: 1 }, icmp(3, 3, ipv4({ protocol: 17 }, datagram))),
    ipv4({ protocol: 132 }, sctp(1, 2, [0, 0, 0, 4])),
    ipv4({ moreFragments: true }, segment.subarray(0, 8)),
    ipv4({ fragmentOffset: 100 }, segment),
  ];
}

function ipv6Packets(): Uint8Array[] {
  const datagram = udp(50_000, 53, [1, 2, 3, 4]);
  const chain = joinBytes(ipv6Extension(43), ipv6Extension(60, 1), ipv6Extension(17), datagram);
  return [
    ipv6({}, tcp({ payload: [1] })),
    ipv6({ nextHeader: 0 }, chain),
    ipv6({ nextHeader: 58 }, icmp(1, 4, ipv6({ nextHeader: 0 }, chain))),
    ipv6({ nextHeader: 44 }, joinBytes(ipv6FragmentHeader(17, 0, true), datagram)),
    ipv6({ nextHeader: 44 }, joinBytes(ipv6FragmentHeader(17, 9, false), datagram)),
    ipv6({ nextHeader: 51 }, joinBytes([17, 4, 0, 0], new Uint8Array(20), datagram)),
  ];
}

/** Every tunnel, some of them in each other. */
function tunnelPackets(): Uint8Array[] {
  const inner4 = ipv4({}, tcp({ destinationPort: 443, payload: [1] }));
  const inner6 = ipv6({}, udp(50_000, 53, [1, 2, 3, 4]));
  const frame = ethernet(EtherType.ipv4, inner4);
  const erspan3 = joinBytes([0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], new Uint8Array(8), frame);
  const labelled = ipv4({ protocol: 47 }, gre(EtherType.mpls, mpls(2, inner6)));
  return [
    ipv4({ protocol: 47 }, gre(EtherType.bridging, frame, 0x2000)),
    ipv4({ protocol: 47 }, gre(EtherType.erspan2, joinBytes(new Uint8Array(8), frame), 0x1000)),
    ipv4({ protocol: 47 }, gre(EtherType.erspan3, erspan3, 0x1000)),
    ipv4({ protocol: 17 }, vxlan(frame)),
    ipv4({ protocol: 17 }, geneve(EtherType.ipv6, inner6, 2)),
    ipv4({ protocol: 4 }, ipv4({ protocol: 41 }, ipv6({ nextHeader: 4 }, ipv4({ protocol: 4 }, inner4)))),
    ipv4({ protocol: 17 }, vxlan(ethernet(EtherType.ipv4, labelled))),
  ];
}

/** A packet under every link layer. */
function wrapped(etherType: number, packet: Uint8Array, family: number, ppp: number): CorpusFrame[] {
  const type = [etherType >> 8, etherType & 0xff];
  const snap = joinBytes([0xaa, 0xaa, 3, 0, 0, 0], type, packet);
  const cooked = [0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, ...type];
  const cookedV2 = [...type, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0];
  return [
    { linkType: LinkType.ethernet, bytes: ethernet(etherType, packet) },
    { linkType: LinkType.ethernet, bytes: ethernet(EtherType.vlan, vlanTag(5, etherType, packet)) },
    { linkType: LinkType.ethernet, bytes: ethernet(snap.length, snap) },
    {
      linkType: LinkType.ethernet,
      bytes: ethernet(0x8864, joinBytes([0x11, 0, 0, 1, 0, 0, 0, ppp], packet)),
    },
    { linkType: LinkType.linuxCooked, bytes: joinBytes(cooked, packet) },
    { linkType: LinkType.linuxCookedV2, bytes: joinBytes(cookedV2, packet) },
    { linkType: LinkType.raw, bytes: packet },
    { linkType: LinkType.bsdNull, bytes: joinBytes([family, 0, 0, 0], packet) },
    { linkType: LinkType.ppp, bytes: joinBytes([0xff, 3, 0, ppp], packet) },
  ];
}
