/** Most bytes of a protobuf varint below 2^54: a zigzag delta of two times. */
export const varintBytesMax = 8;

/** Bytes of `value` as a protobuf varint; a whole number from 0 to below 2^56. */
export function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  if (value < 0x8_0000_0000) return 5;
  if (value < 0x400_0000_0000) return 6;
  return value < 0x2_0000_0000_0000 ? 7 : varintBytesMax;
}

/** Zigzag form of a whole number between -2^53 and 2^53: small magnitudes stay small. */
export function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}
