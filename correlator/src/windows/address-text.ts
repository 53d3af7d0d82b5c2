import ipaddr from "ipaddr.js";
import type { AddressKey } from "./address-key.js";

/** IPv4 as it is usually written; what else may be one is left to the library. */
const dotted = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;

/** Key of an address in text form; undefined for a prefix or anything else. */
export function addressKeyOfText(text: string): AddressKey | undefined {
  const quad = dotted.exec(text);
  if (quad !== null) {
    const [, a, b, c, d] = quad;
    const bytes = [Number(a), Number(b), Number(c), Number(d)];
    if (Math.max(...bytes) <= 255) return String.fromCharCode(...bytes);
  }
  if (!ipaddr.isValid(text)) return undefined;
  return String.fromCharCode(...ipaddr.parse(text).toByteArray());
}
