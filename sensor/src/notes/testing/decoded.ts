import { DecodedPacket } from "../../decode/decoded-packet.js";
import { decodeFrame } from "../../decode/decode-frame.js";
import { joinBytes } from "../../decode/testing/frame-builder.js";
import { LinkType } from "../../decode/link-type.js";

/** A decoded packet with the memory its frame is in. */
export interface Decoded {
  readonly packet: DecodedPacket;
  readonly bytes: Uint8Array;
}

/** Decodes an IP packet that lies somewhere within a larger block, for tests. */
export function decodeIp(ip: Uint8Array, snapLength = ip.length): Decoded {
  const captured = ip.subarray(0, snapLength);
  const bytes = joinBytes([0xaa, 0xaa, 0xaa], captured, [0x55, 0x55, 0x55, 0x55]);
  const packet = new DecodedPacket();
  const view = new DataView(bytes.buffer);
  decodeFrame(bytes, view, 3, captured.length, LinkType.raw, packet);
  return { packet, bytes };
}

/** Bytes of a string, one each. */
export function textBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
