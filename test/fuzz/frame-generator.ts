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
  word16,
} from "@picket/sensor/decode/testing/frame-builder.js";
import type { SeededRandom } from "../scenarios/seeded-random.js";
import { frameBytesMax } from "./frame-corpus.js";
import type { MutatedFrame } from "./frame-mutator.js";
import { payloads } from "./payloads.js";

const layersMax = 7;
const flags = [0x02, 0x12, 0x10, 0x18, 0x11, 0x14, 0x04, 0x00, 0x01, 0x29, 0x3f, 0xff];
const ports = [0, 1, 22, 53, 80, 443, 3333, 4789, 5353, 6081, 8472, 40_000, 65_535];
const ipv4Addresses = ["10.0.0.1", "10.0.0.2", "192.0.2.7", "224.0.0.1", "255.255.255.255", "0.0.0.0"];
const ipv6Addresses = [
  "2001:db8:0:0:0:0:0:1",
  "2001:db8:0:0:0:0:0:2",
  "ff02:0:0:0:0:0:0:1",
  "0:0:0:0:0:0:0:0",
];
const options = [
  [],
  [2, 4, 5, 0xb4],
  [2, 4, 5, 0xb4, 1, 3, 3, 7],
  [1, 1, 1, 0],
  [2, 0, 0, 0],
  [8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1],
  [254, 255, 3, 1],
];

/** A packet and the EtherType that announces it. */
interface Layer {
  readonly etherType: number;
  readonly bytes: Uint8Array;
}

/**
 * Builds frames layer by layer, each layer valid but for a length that is now
 * and then one off, nothing, or all there is: repeatable for a seed.
 */
export class FrameGenerator {
  constructor(private readonly random: SeededRandom) {}

  /** Writes the next frame into `frame`. */
  next(frame: MutatedFrame): void {
    let layer = this.random.chance(0.03) ? this.arpPacket() : this.packet();
    const layers = this.random.chance(0.4) ? this.random.between(1, layersMax) : 0;
    for (let count = 0; count < layers; count++) layer = this.tunnel(layer);
    const { linkType, bytes } = this.link(layer);
    const length = Math.min(bytes.length, frameBytesMax);
    frame.linkType = linkType;
    frame.bytes.set(bytes.subarray(0, length));
    frame.length = this.random.chance(0.1) ? this.random.below(length + 1) : length;
  }

  private packet(): Layer {
    const [protocol, bytes] = this.transport();
    return this.ip(protocol, bytes);
  }

  private transport(): [number, Uint8Array] {
    const { random } = this;
    const [source, destination] = [random.pick(ports), random.pick(ports)];
    const payload = this.payload();
    switch (random.below(8)) {
      case 0:
        return [random.pick([1, 58]), icmp(random.below(256), random.below(16), this.quoted())];
      case 1:
        return [132, sctp(source, destination, payload)];
      case 2:
        return [random.below(256), payload];
      case 3:
      case 4:
        return [17, udp(source, destination, payload, this.length(8 + payload.length))];
      default: {
        const chosen = random.pick(options);
        const headerWords = random.chance(0.05) ? random.below(16) : 5 + chosen.length / 4;
        const numbers = { sequence: random.below(0x1_0000_0000), window: random.below(0x1_0000) };
        const fields = {
          sourcePort: source,
          destinationPort: destination,
          flags: random.pick(flags),
          headerWords,
        };
        return [6, tcp({ ...fields, ...numbers, options: chosen, payload })];
      }
    }
  }

  private payload(): Uint8Array {
    const { random } = this;
    const bytes = Uint8Array.from(random.pick(payloads));
    if (random.chance(0.3) && bytes.length > 0) bytes[random.below(bytes.length)] = random.below(256);
    return random.chance(0.3) ? bytes.subarray(0, random.below(bytes.length + 1)) : bytes;
  }

  /** What an ICMP error may quote. */
  private quoted(): Uint8Array {
    const quoted = this.ip(this.random.pick([1, 6, 17, 58]), tcp({ destinationPort: 80 })).bytes;
    return quoted.subarray(0, this.random.below(quoted.length + 1));
  }

  private ip(protocol: number, payload: Uint8Array): Layer {
    return this.random.chance(0.6) ? this.ipv4Packet(protocol, payload) : this.ipv6Packet(protocol, payload);
  }

  private ipv4Packet(protocol: number, payload: Uint8Array): Layer {
    const { random } = this;
    const chosen = random.chance(0.1) ? [7, 3, 4, 0] : [];
    const isFragment = random.chance(0.1);
    const fields = {
      protocol,
      source: random.pick(ipv4Addresses),
      destination: random.pick(ipv4Addresses),
      options: chosen,
      id: random.below(4),
      moreFragments: isFragment && random.chance(0.6),
      fragmentOffset: isFragment ? random.pick([0, 0, 1, 2, 185, 0x1fff]) : 0,
      totalLength: this.length(20 + chosen.length + payload.length),
    };
    return { etherType: EtherType.ipv4, bytes: ipv4(fields, payload) };
  }

  private ipv6Packet(protocol: number, payload: Uint8Array): Layer {
    const { random } = this;
    let [next, body] = [protocol, payload];
    const extensions = random.chance(0.2) ? random.between(1, 12) : 0;
    for (let count = 0; count < extensions; count++) {
      const kind = random.pick([0, 43, 44, 60, 51, 135, 139, 140]);
      const offset = random.pick([0, 0, 1, 181, 0x1fff]);
      const isFragment = kind === 44;
      const header = isFragment
        ? ipv6FragmentHeader(next, offset, random.chance(0.5))
        : ipv6Extension(next, random.pick([0, 0, 1, 255]));
      body = joinBytes(header, body);
      next = kind;
    }
    const addresses = { source: random.pick(ipv6Addresses), destination: random.pick(ipv6Addresses) };
    const payloadLength = this.length(body.length);
    return {
      etherType: EtherType.ipv6,
      bytes: ipv6({ ...addresses, nextHeader: next, payloadLength }, body),
    };
  }

  private arpPacket(): Layer {
    const { random } = this;
    const mac = (): number[] => [2, 0, 0, 0, 0, random.below(4)];
    const [sender, target] = [random.pick(ipv4Addresses), random.pick(ipv4Addresses)];
    return { etherType: EtherType.arp, bytes: arp(random.below(4), mac(), sender, mac(), target) };
  }

  /** The layer inside a tunnel. */
  private tunnel(inner: Layer): Layer {
    const { random } = this;
    const frame = ethernet(inner.etherType, inner.bytes);
    const greFlags = random.pick([0, 0x2000, 0x1000, 0x8000, 0xb000]);
    switch (random.below(8)) {
      case 0:
        return this.ip(47, gre(inner.etherType, inner.bytes, greFlags));
      case 1:
        return this.ip(47, gre(EtherType.bridging, frame, greFlags));
      case 2:
        return this.ip(47, gre(EtherType.erspan2, joinBytes(new Uint8Array(8), frame), 0x1000));
      case 3:
        return this.ip(17, vxlan(frame, 0x0800_0000, random.pick([4789, 8472])));
      case 4:
        return this.ip(17, geneve(EtherType.bridging, frame, random.pick([0, 1, 63])));
      case 5:
        return this.ip(17, geneve(inner.etherType, inner.bytes, random.pick([0, 2])));
      case 6:
        return { etherType: EtherType.mpls, bytes: mpls(random.between(1, 17), inner.bytes) };
      default:
        return this.ip(inner.etherType === EtherType.ipv6 ? 41 : 4, inner.bytes);
    }
  }

  private link({ etherType, bytes }: Layer): { linkType: number; bytes: Uint8Array } {
    const { random } = this;
    switch (random.below(10)) {
      case 0: {
        let tagged = vlanTag(random.below(4096), etherType, bytes);
        for (let tags = random.below(5); tags > 0; tags--) tagged = vlanTag(1, EtherType.vlan, tagged);
        return { linkType: LinkType.ethernet, bytes: ethernet(EtherType.serviceVlan, tagged) };
      }
      case 1:
        return { linkType: LinkType.raw, bytes };
      case 2: {
        const snap = joinBytes([0xaa, 0xaa, 3, 0, 0, 0], word16(etherType), bytes);
        return { linkType: LinkType.ethernet, bytes: ethernet(this.length(snap.length) & 0x5ff, snap) };
      }
      case 3: {
        const cooked = joinBytes([0, 0, 0, 1, 0, 6], new Uint8Array(8), word16(etherType));
        return { linkType: LinkType.linuxCooked, bytes: joinBytes(cooked, bytes) };
      }
      default:
        return { linkType: LinkType.ethernet, bytes: ethernet(etherType, bytes) };
    }
  }

  /** A length field: mostly right, else at a boundary. */
  private length(right: number): number {
    const { random } = this;
    if (random.chance(0.85)) return right & 0xffff;
    return random.pick([right - 1, right + 1, 0, 1, 7, 8, 19, 20, 39, 40, 0x7fff, 0xffff]) & 0xffff;
  }
}
