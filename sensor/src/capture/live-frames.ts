import { PicketError } from "@picket/proto/picket-error.js";

/**
 * Messages from the meter to the exporter: length (u32, little-endian, of what
 * follows), type byte, payload.
 */
export const FrameType = {
  batch: 1,
  counters: 2,
  state: 3,
  loss: 4,
  failure: 5,
  backend: 6,
  warning: 7,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** Most bytes of one frame: a batch with its totals, or a page of counters. */
export const frameBytesMax = 262_144;

const headerBytes = 5;

/** One message with its length and type in front. */
export function encodeFrame(type: FrameType, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headerBytes + payload.length);
  frame.writeUInt32LE(payload.length + 1, 0);
  frame.writeUInt8(type, 4);
  frame.set(payload, headerBytes);
  return frame;
}

/** The same for a value written as JSON. */
export function encodeJsonFrame(type: FrameType, value: unknown): Buffer {
  return encodeFrame(type, Buffer.from(JSON.stringify(value)));
}

/** Puts frames together again from a byte stream; memory is bounded by one frame. */
export class FrameReader {
  #pending: Buffer = Buffer.alloc(0);

  constructor(private readonly onFrame: (type: number, payload: Uint8Array) => void) {}

  /**
   * Takes the next bytes; payloads are valid during the call back. Throws
   * PicketError CAPTURE_FAILED when the stream is not made of frames.
   */
  push(chunk: Uint8Array): void {
    const bytes =
      this.#pending.length === 0
        ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
        : Buffer.concat([this.#pending, chunk]);
    const end = this.#readFrames(bytes);
    // A copy, so that a small rest does not hold the whole chunk.
    this.#pending = Buffer.from(bytes.subarray(end));
  }

  #readFrames(bytes: Buffer): number {
    let offset = 0;
    while (bytes.length - offset >= headerBytes) {
      const length = bytes.readUInt32LE(offset);
      if (length === 0 || length > frameBytesMax) {
        throw new PicketError("CAPTURE_FAILED", `the meter sent a frame of ${length} bytes`);
      }
      if (bytes.length - offset < 4 + length) break;
      this.onFrame(bytes[offset + 4], bytes.subarray(offset + headerBytes, offset + 4 + length));
      offset += 4 + length;
    }
    return offset;
  }
}
