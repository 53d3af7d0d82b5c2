import type { AddressKey } from "./address-key.js";

/** Destination, port (2 bytes) and protocol (1 byte): what a source contacted. */
export function contactKey(contact: {
  readonly destination: AddressKey;
  readonly port: number;
  readonly protocol: number;
}): string {
  return serviceKey(contact.destination, contact.port, contact.protocol);
}

/** Binary string of one (destination, port, protocol). */
export function serviceKey(destination: AddressKey, port: number, protocol: number): string {
  return destination + portKey(port, protocol);
}

/** Binary string of one (port, protocol), three chars. */
export function portKey(port: number, protocol: number): string {
  return String.fromCharCode(port >>> 8, port & 0xff, protocol);
}

/** Binary string of the id of a fingerprint, four chars. */
export function fingerprintKey(id: number): string {
  return String.fromCharCode(id >>> 24, (id >>> 16) & 0xff, (id >>> 8) & 0xff, id & 0xff);
}

/** Port and protocol of a `portKey`. */
export function parsePortKey(key: string): { port: number; protocol: number } {
  return { port: (key.charCodeAt(0) << 8) | key.charCodeAt(1), protocol: key.charCodeAt(2) };
}

/** Destination, port and protocol of a `serviceKey`. */
export function parseServiceKey(key: string): { destination: AddressKey; port: number; protocol: number } {
  return { destination: key.slice(0, -3), ...parsePortKey(key.slice(-3)) };
}

const protocolNames: Readonly<Record<number, string>> = {
  1: "icmp",
  6: "tcp",
  17: "udp",
  58: "icmpv6",
  132: "sctp",
};

/** "tcp/22", "icmp/8" (the type), or "ip-47" for a protocol without ports. */
export function formatPort(port: number, protocol: number): string {
  const name = protocolNames[protocol];
  if (name === undefined) return `ip-${protocol}`;
  return protocol === 1 || protocol === 58 ? `${name}/${port >>> 8}` : `${name}/${port}`;
}
