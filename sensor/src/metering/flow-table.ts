import { Outcome } from "@picket/proto/batch/flow-columns.js";
import type { DecodedPacket } from "../decode/decoded-packet.js";
import { FlowHash } from "./flow-hash.js";
import {
  closedBit,
  flowDoublesShift,
  flowWordsShift,
  hashAt,
  ipv6Bit,
  keyStateMask,
  lastUsAt,
  lowerLastAt,
  lowerPrefixAt,
  outcomeShift,
  Phase,
  phaseMask,
  phaseShift,
  portsAt,
  protocolMask,
  stateAt,
  threeBits,
  upperLastAt,
  upperPrefixAt,
} from "./flow-layout.js";

/** Flows looked at to find one to evict: bounded work, near enough to the least useful. */
const evictionSample = 8;
/** Bits of an index entry that hold the slot. */
const slotBits = 22;
const slotMask = (1 << slotBits) - 1;
/** The index begins with places for half as many flows, and doubles: a small one stays in the cache. */
const indexBitsFirst = 15;
/** Copies for the hot path: the compiler folds a module's own constants, it loads imported ones. */
const wordsShift = flowWordsShift;
const lowerLast = lowerLastAt;
const upperLast = upperLastAt;
const lowerPrefix = lowerPrefixAt;
const upperPrefix = upperPrefixAt;
const portsWord = portsAt;
const stateWord = stateAt;
const keyMask = keyStateMask;
const ipv6KeyBit = ipv6Bit;
/** A large array begins 16 bytes behind a page boundary; this puts flows on whole cache lines. */
const cacheLineOffset = 48;

/**
 * The live flows: fixed slots of 128 bytes and an open-addressing index over
 * them that is at most half full and doubles as flows come. A key is loaded
 * first (`loadPacket`, `loadInner`), then found or inserted. Nothing else is
 * allocated after the start, and memory that is not needed is never touched.
 */
export class FlowTable {
  /** Memory of all slots, as words and as doubles (see flow-layout.ts). */
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  /** Live flows. */
  length = 0;

  /** The loaded key: 8 address words, ports; in canonical order. */
  private readonly key = new Int32Array(9);
  private keyState = 0;
  private keyHash = 0;
  private readonly hasher: FlowHash;
  /** Slot + 1 with ten bits of the hash above it, which spare most looks at other flows; or 0. */
  private index = new Int32Array(0);
  private indexMask = 0;
  private indexShift = 0;
  /** Slots that were used and are free again, `freeCount` of them; from `freshSlot` on they never were. */
  private readonly freeSlots: Int32Array;
  private freeCount = 0;
  private freshSlot = 0;
  private hand = 0;

  /** `flowsMax` from 1 to 2^21; `seed` as in MeteringSettings. */
  constructor(
    readonly flowsMax: number,
    seed: number,
  ) {
    const flowsBytes = flowsMax << (flowWordsShift + 2);
    const memory = new ArrayBuffer(flowsBytes + cacheLineOffset);
    this.words = new Int32Array(memory, cacheLineOffset);
    this.doubles = new Float64Array(memory, cacheLineOffset);
    const indexBits = Math.max(4, Math.ceil(Math.log2(flowsMax)) + 1);
    this.newIndex(Math.min(indexBits, indexBitsFirst));
    this.hasher = new FlowHash(seed);
    this.freeSlots = new Int32Array(flowsMax);
  }

  get isFull(): boolean {
    return this.length === this.flowsMax;
  }

  /**
   * Loads the key of a packet; returns its direction. Ports are arguments
   * because a request and its reply of ICMP share the request's.
   */
  loadPacket(packet: DecodedPacket, sourcePort: number, destinationPort: number): number {
    return this.load(
      packet.source0 | 0,
      packet.source1 | 0,
      packet.source2 | 0,
      packet.source3 | 0,
      packet.destination0 | 0,
      packet.destination1 | 0,
      packet.destination2 | 0,
      packet.destination3 | 0,
      sourcePort,
      destinationPort,
      packet.isIpv6 ? packet.protocol | ipv6Bit : packet.protocol,
    );
  }

  /** Loads the key of the packet that an ICMP error is about; returns its direction. */
  loadInner(packet: DecodedPacket, sourcePort: number, destinationPort: number): number {
    return this.load(
      packet.innerSource0 | 0,
      packet.innerSource1 | 0,
      packet.innerSource2 | 0,
      packet.innerSource3 | 0,
      packet.innerDestination0 | 0,
      packet.innerDestination1 | 0,
      packet.innerDestination2 | 0,
      packet.innerDestination3 | 0,
      sourcePort,
      destinationPort,
      packet.isIpv6 ? packet.innerProtocol | ipv6Bit : packet.innerProtocol,
    );
  }

  /** Slot of the loaded key, or -1. */
  find(): number {
    const { index, indexMask, words, key, keyState } = this;
    const hash = this.hasher.hash(key, keyState & protocolMask);
    this.keyHash = hash;
    for (let i = hash >>> this.indexShift; ; i = (i + 1) & indexMask) {
      const entry = index[i];
      if (entry === 0) return -1;
      const slot = (entry & slotMask) - 1;
      const at = slot << flowWordsShift;
      if (
        (entry ^ (hash << slotBits)) >>> slotBits === 0 &&
        words[at + hashAt] === hash &&
        words[at + lowerLastAt] === key[3] &&
        words[at + upperLastAt] === key[7] &&
        words[at + portsAt] === key[8] &&
        (words[at + stateAt] & keyStateMask) === keyState &&
        ((words[at + lowerPrefixAt] ^ key[0]) |
          (words[at + lowerPrefixAt + 1] ^ key[1]) |
          (words[at + lowerPrefixAt + 2] ^ key[2]) |
          (words[at + upperPrefixAt] ^ key[4]) |
          (words[at + upperPrefixAt + 1] ^ key[5]) |
          (words[at + upperPrefixAt + 2] ^ key[6])) ===
          0
      )
        return slot;
    }
  }

  /** Slot of an IPv4 key in canonical order, or -1; like `find`, without memory in between. */
  findIpv4(lower: number, upper: number, ports: number, protocol: number): number {
    const { index, indexMask, words } = this;
    const hash = this.hasher.hashIpv4(lower, upper, ports, protocol);
    for (let i = hash >>> this.indexShift; ; i = (i + 1) & indexMask) {
      const entry = index[i];
      if (entry === 0) return -1;
      if ((entry ^ (hash << slotBits)) >>> slotBits !== 0) continue;
      const slot = (entry & slotMask) - 1;
      const at = slot << wordsShift;
      if (
        words[at + lowerLast] === lower &&
        words[at + upperLast] === upper &&
        words[at + portsWord] === ports &&
        (words[at + stateWord] & keyMask) === protocol
      )
        return slot;
    }
  }

  /**
   * The same for IPv6: the addresses are in `view` at `lowerAt` and `upperAt`.
   * Does not find keys whose addresses are both IPv4-mapped; `find` does.
   */
  findIpv6(view: DataView, lowerAt: number, upperAt: number, ports: number, protocol: number): number {
    const { index, indexMask, words } = this;
    const lower0 = view.getInt32(lowerAt);
    const lower1 = view.getInt32(lowerAt + 4);
    const lower2 = view.getInt32(lowerAt + 8);
    const lower3 = view.getInt32(lowerAt + 12);
    const upper0 = view.getInt32(upperAt);
    const upper1 = view.getInt32(upperAt + 4);
    const upper2 = view.getInt32(upperAt + 8);
    const upper3 = view.getInt32(upperAt + 12);
    const hash =
      (this.hasher.hashIpv4(lower3, upper3, ports, protocol) +
        this.hasher.hashPrefixes(lower0, lower1, lower2, upper0, upper1, upper2)) |
      0;
    for (let i = hash >>> this.indexShift; ; i = (i + 1) & indexMask) {
      const entry = index[i];
      if (entry === 0) return -1;
      if ((entry ^ (hash << slotBits)) >>> slotBits !== 0) continue;
      const slot = (entry & slotMask) - 1;
      const at = slot << wordsShift;
      if (
        words[at + lowerLast] === lower3 &&
        words[at + upperLast] === upper3 &&
        words[at + portsWord] === ports &&
        (words[at + stateWord] & keyMask) === (protocol | ipv6KeyBit) &&
        ((words[at + lowerPrefix] ^ lower0) |
          (words[at + lowerPrefix + 1] ^ lower1) |
          (words[at + lowerPrefix + 2] ^ lower2) |
          (words[at + upperPrefix] ^ upper0) |
          (words[at + upperPrefix + 1] ^ upper1) |
          (words[at + upperPrefix + 2] ^ upper2)) ===
          0
      )
        return slot;
    }
  }

  /** New slot for the key that `find` did not find; the table must not be full. */
  insert(): number {
    const { words, key } = this;
    // A slot of late use first: memory that is not needed is never touched.
    const slot = this.freeCount > 0 ? this.freeSlots[--this.freeCount] : this.freshSlot++;
    this.length++;
    const at = slot << flowWordsShift;
    const doublesAt = slot << flowDoublesShift;
    for (let i = 0; i < 1 << flowDoublesShift; i++) this.doubles[doublesAt + i] = 0;
    words[at + lowerLastAt] = key[3];
    words[at + upperLastAt] = key[7];
    for (let i = 0; i < 3; i++) {
      words[at + lowerPrefixAt + i] = key[i];
      words[at + upperPrefixAt + i] = key[4 + i];
    }
    words[at + portsAt] = key[8];
    words[at + stateAt] = this.keyState;
    words[at + hashAt] = this.keyHash;
    if (this.length * 2 > this.index.length) this.growIndex();
    this.place(slot, this.keyHash);
    return slot;
  }

  /** Frees a slot; entries behind it in the index move up, so that no probe grows long. */
  remove(slot: number): void {
    const { index, indexMask, indexShift, words } = this;
    let hole = words[(slot << flowWordsShift) + hashAt] >>> indexShift;
    while ((index[hole] & slotMask) !== slot + 1) hole = (hole + 1) & indexMask;
    for (let i = (hole + 1) & indexMask; index[i] !== 0; i = (i + 1) & indexMask) {
      const home = words[(((index[i] & slotMask) - 1) << flowWordsShift) + hashAt] >>> indexShift;
      if (((i - home) & indexMask) < ((i - hole) & indexMask)) continue;
      index[hole] = index[i];
      hole = i;
    }
    index[hole] = 0;
    this.freeSlots[this.freeCount++] = slot;
    this.length--;
  }

  /**
   * The flow to give up when the table is full: of a few flows at the clock
   * hand, one that is over before one without answer before an answered one,
   * and of those the one that is idle longest. Call it on a full table only.
   */
  chooseVictim(): number {
    let victim = this.hand;
    let victimClass = -1;
    let victimLastUs = 0;
    const sample = Math.min(evictionSample, this.flowsMax);
    for (let i = 0; i < sample; i++) {
      const slot = this.hand;
      this.hand = slot + 1 === this.flowsMax ? 0 : slot + 1;
      const slotClass = evictionClass(this.words[(slot << flowWordsShift) + stateAt]);
      const lastUs = this.doubles[(slot << flowDoublesShift) + lastUsAt];
      if (slotClass < victimClass || (slotClass === victimClass && lastUs >= victimLastUs)) continue;
      victim = slot;
      victimClass = slotClass;
      victimLastUs = lastUs;
    }
    return victim;
  }

  isAnswered(slot: number): boolean {
    return isAnswered(this.words[(slot << flowWordsShift) + stateAt]);
  }

  /** Puts a slot whose key is not there yet into the index. */
  private place(slot: number, hash: number): void {
    const { index, indexMask } = this;
    let i = hash >>> this.indexShift;
    while (index[i] !== 0) i = (i + 1) & indexMask;
    index[i] = (slot + 1) | (hash << slotBits);
  }

  private growIndex(): void {
    const { index, words } = this;
    this.newIndex(33 - this.indexShift);
    for (let i = 0; i < index.length; i++) {
      const slot = (index[i] & slotMask) - 1;
      if (slot !== -1) this.place(slot, words[(slot << flowWordsShift) + hashAt]);
    }
  }

  private newIndex(bits: number): void {
    this.index = new Int32Array(1 << bits);
    this.indexMask = this.index.length - 1;
    this.indexShift = 32 - bits;
  }

  private load(
    s0: number,
    s1: number,
    s2: number,
    s3: number,
    d0: number,
    d1: number,
    d2: number,
    d3: number,
    sourcePort: number,
    destinationPort: number,
    keyState: number,
  ): number {
    const { key } = this;
    this.keyState = keyState;
    // Any order will do that is the same for both directions.
    const difference = s3 - d3 || s2 - d2 || s1 - d1 || s0 - d0 || sourcePort - destinationPort;
    const direction = difference > 0 ? 1 : 0;
    const source = direction << 2;
    const destination = 4 - source;
    key[source] = s0;
    key[source + 1] = s1;
    key[source + 2] = s2;
    key[source + 3] = s3;
    key[destination] = d0;
    key[destination + 1] = d1;
    key[destination + 2] = d2;
    key[destination + 3] = d3;
    key[8] = direction === 0 ? (sourcePort << 16) | destinationPort : (destinationPort << 16) | sourcePort;
    return direction;
  }
}

function evictionClass(state: number): number {
  if ((state & closedBit) !== 0 || ((state >>> phaseShift) & phaseMask) === Phase.ended) return 2;
  return isAnswered(state) ? 0 : 1;
}

function isAnswered(state: number): boolean {
  return ((state >>> outcomeShift) & threeBits) === Outcome.answered;
}
