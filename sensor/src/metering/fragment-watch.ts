import type { DecodedPacket } from "../decode/decoded-packet.js";
import { FlowHash } from "./flow-hash.js";
import { FragmentMap } from "./fragment-map.js";

/** Packets watched at once: 512 of them are 1.1 MiB. */
const slotsPerBucket = 8;
const buckets = 64;
const slots = slotsPerBucket * buckets;
/** Source, destination, identification, protocol (0 for IPv6), and 1 for IPv6. */
const keyWords = 11;
/** A packet that is not whole by then never will be (RFC 8200, section 4.5, allows 60 s, Linux 30). */
const reassemblyUs = 30_000_000;
const packetBytesMax = 65_535;
const ipv4HeaderBytes = 20;

/** What the fragments said, as plain numbers. */
export class FragmentCounters {
  /** Fragments that write over bytes of another (RFC 1858, RFC 5722); the same one again is no overlap. */
  overlapping = 0;
  /** Fragments that end behind the longest packet there can be. */
  oversize = 0;
  /** Fragments before the last whose length is no multiple of eight bytes. */
  badLength = 0;
  /** Packets no longer watched because others came. */
  evicted = 0;
}

/**
 * Watches the fragments of packets that are not whole yet for those that
 * overlap. Memory is fixed: of eight packets with the same hash the oldest
 * gives way. No fragment is kept, only which bytes of its packet it covers.
 */
export class FragmentWatch {
  readonly counters = new FragmentCounters();
  private readonly hash: FlowHash;
  private readonly keys = new Int32Array(slots * keyWords);
  private readonly startUs = new Float64Array(slots).fill(Number.NEGATIVE_INFINITY);
  private readonly map = new FragmentMap(slots);
  private readonly key = new Int32Array(keyWords);

  /** `seed` is a whole number below 2^32 that senders do not know. */
  constructor(seed: number) {
    this.hash = new FlowHash(seed);
  }

  /** Notes one fragment, first or later, as decode left it in `packet`. */
  note(packet: DecodedPacket, timeUs: number): void {
    const { counters } = this;
    const { fragmentOffset, fragmentLength, hasMoreFragments } = packet;
    const end = fragmentOffset + fragmentLength;
    if (end > (packet.isIpv6 ? packetBytesMax : packetBytesMax - ipv4HeaderBytes)) {
      counters.oversize++;
      return;
    }
    if (hasMoreFragments && (fragmentLength & 7) !== 0) counters.badLength++;
    if (fragmentLength === 0) return;
    const slot = this.slotOf(packet, timeUs);
    // What comes to a whole packet and is no copy begins the next one of the same number.
    if (this.map.isWhole(slot)) {
      if (this.map.isCopy(slot, fragmentOffset, end)) return;
      this.begin(slot, timeUs);
    }
    if (this.map.add(slot, fragmentOffset, end, !hasMoreFragments)) counters.overlapping++;
  }

  private slotOf(packet: DecodedPacket, timeUs: number): number {
    this.loadKey(packet);
    const bucket = ((this.hash.hash(this.key, this.key[9]) >>> 16) & (buckets - 1)) * slotsPerBucket;
    let oldest = bucket;
    for (let slot = bucket; slot < bucket + slotsPerBucket; slot++) {
      if (this.isAlive(slot, timeUs) && this.hasKey(slot)) return slot;
      if (this.startUs[slot] < this.startUs[oldest]) oldest = slot;
    }
    if (this.isAlive(oldest, timeUs) && !this.map.isWhole(oldest)) this.counters.evicted++;
    this.keys.set(this.key, oldest * keyWords);
    this.begin(oldest, timeUs);
    return oldest;
  }

  /** False when it began too long ago, or after a clock was set back. */
  private isAlive(slot: number, timeUs: number): boolean {
    return Math.abs(timeUs - this.startUs[slot]) < reassemblyUs;
  }

  private begin(slot: number, timeUs: number): void {
    this.startUs[slot] = timeUs;
    this.map.clear(slot);
  }

  private loadKey(packet: DecodedPacket): void {
    const { key } = this;
    key[0] = packet.source0;
    key[1] = packet.source1;
    key[2] = packet.source2;
    key[3] = packet.source3;
    key[4] = packet.destination0;
    key[5] = packet.destination1;
    key[6] = packet.destination2;
    key[7] = packet.destination3;
    key[8] = packet.fragmentId;
    // An IPv6 packet is known by its number alone: later fragments may name another protocol.
    key[9] = packet.isIpv6 ? 0 : packet.protocol;
    key[10] = packet.isIpv6 ? 1 : 0;
  }

  private hasKey(slot: number): boolean {
    const at = slot * keyWords;
    for (let word = 0; word < keyWords; word++) if (this.keys[at + word] !== this.key[word]) return false;
    return true;
  }
}
