import ipaddr from "ipaddr.js";
import type { AddressKey } from "./address-key.js";

/** Key of an address in text form; undefined for a prefix or anything else. */
export function addressKeyOfText(text: string): AddressKey | undefined {
  if (!ipaddr.isValid(text)) return undefined;
  return String.fromCharCode(...ipaddr.parse(text).toByteArray());
}
