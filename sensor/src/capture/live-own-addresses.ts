import ipaddr from "ipaddr.js";
import { hostAddresses } from "./live-interfaces.js";

/** Addresses of this host as four words each, IPv4 mapped. */
export function ownAddressWords(addresses: readonly string[] = hostAddresses()): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(addresses.length * 4);
  addresses.forEach((address, i) => words.set(wordsOf(address), i * 4));
  return words;
}

function wordsOf(address: string): number[] {
  const parsed = ipaddr.parse(address);
  const bytes =
    parsed instanceof ipaddr.IPv4 ? parsed.toIPv4MappedAddress().toByteArray() : parsed.toByteArray();
  return [0, 4, 8, 12].map((at) => Buffer.from(bytes).readUInt32BE(at));
}
