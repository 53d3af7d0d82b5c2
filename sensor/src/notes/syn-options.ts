/**
 * Kinds of TCP options as a fingerprint names them, 4 bits each. `none` fills
 * the places after the last option.
 */
export const SynOption = {
  none: 0,
  noOperation: 1,
  maximumSegmentSize: 2,
  windowScale: 3,
  selectiveAckPermitted: 4,
  selectiveAck: 5,
  endOfList: 6,
  fastOpen: 7,
  timestamps: 8,
  md5Signature: 9,
  authentication: 10,
  multipath: 11,
  userTimeout: 12,
  echo: 13,
  experimental: 14,
  other: 15,
} as const;

/** Options a fingerprint has room for. */
export const synOptionsMax = 8;

/** The window scale of a SYN without one. */
export const noWindowScale = 255;
/** Larger shifts are used as this one (RFC 7323, section 2.3). */
const windowScaleMax = 14;

/** Name of each IANA option kind in a fingerprint. */
const synOptionOf = new Uint8Array(256).fill(SynOption.other);
synOptionOf[0] = SynOption.endOfList;
synOptionOf[1] = SynOption.noOperation;
synOptionOf[2] = SynOption.maximumSegmentSize;
synOptionOf[3] = SynOption.windowScale;
synOptionOf[4] = SynOption.selectiveAckPermitted;
synOptionOf[5] = SynOption.selectiveAck;
synOptionOf[6] = SynOption.echo;
synOptionOf[7] = SynOption.echo;
synOptionOf[8] = SynOption.timestamps;
synOptionOf[19] = SynOption.md5Signature;
synOptionOf[28] = SynOption.userTimeout;
synOptionOf[29] = SynOption.authentication;
synOptionOf[30] = SynOption.multipath;
synOptionOf[34] = SynOption.fastOpen;
synOptionOf[253] = SynOption.experimental;
synOptionOf[254] = SynOption.experimental;

/** What the options of one SYN say; one object, reused. */
export class SynOptions {
  /** 0 without the option. */
  maximumSegmentSize = 0;
  /** `noWindowScale` without the option. */
  windowScale = noWindowScale;
  /** The first eight kinds, 4 bits each, the first in the highest. */
  kinds = 0;
  /** The sender's own timestamp is zero, or it already echoes one. */
  hasOddTimestamp = false;
  /** A length that does not fit, a scale above 14, or bytes behind the end of the list. */
  isMalformed = false;

  /** Reads the options in `[offset, end)`; each step moves on, so garbage ends as well. */
  read(bytes: Uint8Array, offset: number, end: number): void {
    this.maximumSegmentSize = 0;
    this.windowScale = noWindowScale;
    this.kinds = 0;
    this.hasOddTimestamp = false;
    this.isMalformed = false;
    let shift = 28;
    let position = offset;
    while (position < end) {
      const kind = bytes[position];
      if (shift >= 0) this.kinds |= synOptionOf[kind] << shift;
      shift -= 4;
      if (kind === 0) {
        this.isMalformed = hasContent(bytes, position + 1, end);
        return;
      }
      if (kind === 1) {
        position++;
        continue;
      }
      const length = position + 1 < end ? bytes[position + 1] : 0;
      if (length < 2 || position + length > end) {
        this.isMalformed = true;
        return;
      }
      this.readValue(bytes, position, kind, length);
      position += length;
    }
  }

  private readValue(bytes: Uint8Array, position: number, kind: number, length: number): void {
    if (kind === 2) {
      if (length === 4) this.maximumSegmentSize = (bytes[position + 2] << 8) | bytes[position + 3];
      else this.isMalformed = true;
    } else if (kind === 3) {
      if (length === 3) this.windowScale = bytes[position + 2];
      if (length !== 3 || this.windowScale > windowScaleMax) this.isMalformed = true;
    } else if (kind === 8) {
      if (length === 10)
        this.hasOddTimestamp =
          !hasContent(bytes, position + 2, position + 6) || hasContent(bytes, position + 6, position + 10);
      else this.isMalformed = true;
    }
  }
}

/** True when a byte in `[offset, end)` is not zero. */
function hasContent(bytes: Uint8Array, offset: number, end: number): boolean {
  for (let position = offset; position < end; position++) if (bytes[position] !== 0) return true;
  return false;
}
