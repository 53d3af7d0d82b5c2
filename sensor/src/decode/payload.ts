import type { DecodedPacket } from "./decoded-packet.js";

/**
 * Sets the payload fields: `length` bytes by the headers from `offset` on, of
 * which those before `end` are captured. Clamps what lies outside.
 */
export function setPayload(out: DecodedPacket, offset: number, length: number, end: number): void {
  const payloadLength = length < 0 ? 0 : length;
  const start = offset < end ? offset : end;
  const captured = end - start;
  out.payloadLength = payloadLength;
  out.payloadOffset = start;
  out.payloadCaptured = captured < payloadLength ? captured : payloadLength;
}
