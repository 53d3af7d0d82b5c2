import { decodeFrame } from "@picket/sensor/decode/decode-frame.js";
import { DecodedPacket, DecodeResult, decodeResultNames } from "@picket/sensor/decode/decoded-packet.js";
import { CheckedView, checkedBytes } from "./checked-memory.js";
import { frameBytesMax } from "./frame-corpus.js";
import type { MutatedFrame } from "./frame-mutator.js";
import { isSamePacket, positions } from "./same-packet.js";

const guardBytes = 64;
const fields = Object.keys(new DecodedPacket()) as (keyof DecodedPacket)[];
/** A frame between guard bytes of one value, and what decoding it yields. */
class GuardedDecoder {
  private readonly bytes = new Uint8Array(frameBytesMax + 2 * guardBytes);
  private readonly view = new CheckedView(this.bytes.buffer);
  private readonly plainView = new DataView(this.bytes.buffer);
  readonly packet = new DecodedPacket();

  constructor(private readonly guard: number) {
    this.bytes.fill(guard);
  }

  decode(frame: MutatedFrame): number {
    this.place(frame);
    return decodeFrame(this.bytes, this.plainView, guardBytes, frame.length, frame.linkType, this.packet);
  }

  /** Throws at the first read outside the frame. */
  decodeChecked(frame: MutatedFrame): number {
    this.place(frame);
    this.view.allow(guardBytes, guardBytes + frame.length);
    const bytes = checkedBytes(this.bytes, guardBytes, guardBytes + frame.length);
    return decodeFrame(bytes, this.view, guardBytes, frame.length, frame.linkType, this.packet);
  }

  /** True when neither the frame nor the bytes around it were written. */
  isUntouched(frame: MutatedFrame): boolean {
    const end = guardBytes + frame.length;
    for (let index = 0; index < guardBytes; index++) {
      if (this.bytes[index] !== this.guard || this.bytes[end + index] !== this.guard) return false;
    }
    for (let index = 0; index < frame.length; index++) {
      if (this.bytes[guardBytes + index] !== frame.bytes[index]) return false;
    }
    return true;
  }

  private place(frame: MutatedFrame): void {
    this.bytes.set(frame.bytes.subarray(0, frame.length), guardBytes);
    this.bytes.fill(this.guard, guardBytes + frame.length, 2 * guardBytes + frame.length);
  }
}

/**
 * Decodes frames in three places at once, between zeros, between ones, and in
 * memory that ends where the frame ends: a read outside the frame shows as a
 * difference or an error.
 */
export class DecodeCheck {
  readonly results = new Float64Array(decodeResultNames.length);
  private readonly zeros = new GuardedDecoder(0x00);
  private readonly ones = new GuardedDecoder(0xff);
  private readonly exact = new DecodedPacket();

  /** One line that says what is wrong, undefined when nothing is. */
  check(frame: MutatedFrame): string | undefined {
    const result = this.zeros.decode(frame);
    this.results[result]++;
    const other = this.ones.decode(frame);
    const exact = this.decodeExact(frame);
    if (result !== other || result !== exact) return `results ${result}, ${other} and ${exact} differ`;
    if (!(result >= 0 && result < decodeResultNames.length)) return `result ${result} is none`;
    if (!this.zeros.isUntouched(frame) || !this.ones.isUntouched(frame)) return "the frame was written to";
    return this.differingField() ?? (result === DecodeResult.flow ? this.implausible(frame) : undefined);
  }

  /** Throws RangeError at the first read outside the frame. */
  checkReads(frame: MutatedFrame): void {
    this.zeros.decodeChecked(frame);
    // Keeps what the three packets remember of earlier frames the same.
    this.ones.decode(frame);
    this.decodeExact(frame);
  }

  /** Decodes where the memory ends with the frame. */
  decodeExact(frame: MutatedFrame): number {
    const bytes = new Uint8Array(frame.bytes.buffer, 0, frame.length);
    const view = new DataView(frame.bytes.buffer, 0, frame.length);
    return decodeFrame(bytes, view, 0, frame.length, frame.linkType, this.exact);
  }

  private differingField(): string | undefined {
    const { packet: zeros } = this.zeros;
    const { packet: ones } = this.ones;
    if (isSamePacket(zeros, ones) && isSamePacket(zeros, this.exact) && this.isSamePlace()) return undefined;
    for (const field of fields) {
      const moved = positions.has(field) && Number(zeros[field]) > 0 ? guardBytes : 0;
      const same = zeros[field] === ones[field] && Number(zeros[field]) - moved === Number(this.exact[field]);
      if (!same) return `${field} differs: ${zeros[field]}, ${ones[field]}, ${this.exact[field]}`;
    }
    return undefined;
  }

  private isSamePlace(): boolean {
    const { zeros, ones, exact } = this;
    const isSame =
      zeros.packet.payloadOffset === ones.packet.payloadOffset &&
      zeros.packet.networkOffset === ones.packet.networkOffset &&
      zeros.packet.networkEnd === ones.packet.networkEnd &&
      zeros.packet.transportOffset === ones.packet.transportOffset;
    return isSame && zeros.packet.payloadOffset === exact.payloadOffset + guardBytes;
  }

  private implausible(frame: MutatedFrame): string | undefined {
    const packet = this.exact;
    const payloadEnd = packet.payloadOffset + packet.payloadCaptured;
    if (packet.payloadOffset < 0 || payloadEnd > frame.length) return "the payload lies outside the frame";
    if (packet.payloadCaptured < 0 || packet.payloadCaptured > packet.payloadLength) {
      return "more payload is captured than there is";
    }
    if (packet.sourcePort > 0xffff || packet.destinationPort > 0xffff) return "a port has more than 16 bits";
    return packet.isLaterFragment ? "a later fragment is metered" : undefined;
  }
}
