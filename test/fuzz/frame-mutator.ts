import { LinkType } from "@picket/sensor/decode/link-type.js";
import type { SeededRandom } from "../scenarios/seeded-random.js";
import { type CorpusFrame, frameBytesMax } from "./frame-corpus.js";

/** Where most headers end: changes beyond are rare. */
const headerBytes = 120;
const mutationsMax = 6;

/** Numbers that decide something in a header. */
const words = [0, 1, 4, 5, 7, 8, 19, 20, 28, 40, 60, 255, 256, 1500, 1501, 0x7fff, 0xffff];
const etherTypes = [
  0x0800, 0x0806, 0x86dd, 0x8100, 0x88a8, 0x9100, 0x8864, 0x2000, 0x1fff, 0x0606, 0xaaaa, 0x8847, 0x6558,
  0x88be, 0x22eb, 4789, 6081,
];
const bytesOfInterest = [
  0, 1, 2, 4, 6, 8, 17, 41, 43, 44, 47, 51, 58, 60, 132, 135, 0x40, 0x45, 0x4f, 0x50, 0x60, 0x80, 0xf0, 0xff,
];
/** Reserved for private use (LINKTYPE_USER0): nothing decodes it. */
const undecodedLinkType = 147;
const linkTypes: readonly number[] = [...Object.values(LinkType), undecodedLinkType];

/** One mutated frame, in memory that the next one reuses. */
export class MutatedFrame {
  linkType = 0;
  length = 0;
  readonly bytes = new Uint8Array(frameBytesMax);
}

/** Makes new frames out of a corpus: repeatable for a seed. */
export class FrameMutator {
  constructor(
    private readonly corpus: readonly CorpusFrame[],
    private readonly random: SeededRandom,
  ) {}

  /** Writes the next mutated frame into `frame`. */
  next(frame: MutatedFrame): void {
    const origin = this.random.pick(this.corpus);
    frame.bytes.set(origin.bytes);
    frame.length = origin.bytes.length;
    frame.linkType = origin.linkType;
    const mutations = this.random.below(mutationsMax + 1);
    for (let count = 0; count < mutations; count++) this.mutate(frame);
  }

  private mutate(frame: MutatedFrame): void {
    switch (this.random.below(10)) {
      case 0:
        frame.length = this.random.below(frame.length + 1);
        break;
      case 1:
        frame.bytes[this.position(frame)] ^= 1 << this.random.below(8);
        break;
      case 2:
        frame.bytes[this.position(frame)] = this.random.below(256);
        break;
      case 3:
        frame.bytes[this.position(frame)] = this.random.pick(bytesOfInterest);
        break;
      case 4:
        this.setWord(frame, this.random.pick(words));
        break;
      case 5:
        this.setWord(frame, this.random.pick(etherTypes));
        break;
      case 6:
        this.setWord(frame, Math.max(0, frame.length - this.random.below(64)));
        break;
      case 7:
        this.repeat(frame);
        break;
      case 8:
        this.splice(frame);
        break;
      default:
        if (this.random.chance(0.2)) frame.linkType = this.random.pick(linkTypes);
    }
  }

  /** A position in the headers, now and then anywhere. */
  private position(frame: MutatedFrame): number {
    const end = this.random.chance(0.9) ? Math.min(frame.length, headerBytes) : frame.length;
    return this.random.below(Math.max(1, end));
  }

  private setWord(frame: MutatedFrame, word: number): void {
    const position = Math.min(this.position(frame) & ~1, frameBytesMax - 2);
    frame.bytes[position] = word >> 8;
    frame.bytes[position + 1] = word & 0xff;
  }

  /** Doubles a run of bytes: nested tags, chained extension headers, packets within packets. */
  private repeat(frame: MutatedFrame): void {
    const start = this.position(frame);
    const length = Math.min(this.random.pick([2, 4, 8, 16, 40]), frame.length - start);
    if (length <= 0) return;
    const times = 1 + this.random.below(12);
    for (let time = 0; time < times; time++) this.insert(frame, start, length);
  }

  private insert(frame: MutatedFrame, start: number, length: number): void {
    if (frame.length + length > frameBytesMax) return;
    frame.bytes.copyWithin(start + length, start, frame.length);
    frame.length += length;
  }

  /** Puts the end of another frame behind the beginning of this one. */
  private splice(frame: MutatedFrame): void {
    const other = this.random.pick(this.corpus).bytes;
    const cut = this.position(frame);
    const from = this.random.below(other.length + 1);
    const tail = other.subarray(from, from + frameBytesMax - cut);
    frame.bytes.set(tail, cut);
    frame.length = cut + tail.length;
  }
}
