import { ArpOperation } from "@picket/proto/batch/flow-columns.js";
import type { ArpRow } from "../flows/flow-row.js";
import type { AddressKey } from "../windows/address-key.js";

/** The sender of an ARP probe, and whom a broadcast answer is told: 0.0.0.0. */
export const noAddress: AddressKey = "\0\0\0\0";

/**
 * MAC addresses that move between routers on purpose: VRRP and CARP (RFC 5798),
 * HSRP versions 1 and 2, GLBP.
 */
const virtualPrefixes = ["\x00\x00\x5e\x00\x01", "\x00\x00\x0c\x07\xac", "\x00\x00\x0c\x9f", "\x00\x07\xb4"];
/** Ports of one card differ by less than this in their last byte. */
const portsOfCardMax = 16;

export function isVirtualMac(mac: string): boolean {
  return virtualPrefixes.some((prefix) => mac.startsWith(prefix));
}

/** An answer that nobody asked for, in the name of one address to another. */
export function isUnasked(arp: ArpRow): boolean {
  const { operation, unsolicited } = arp.columns;
  return operation[arp.row] === ArpOperation.reply && unsolicited[arp.row] === 1;
}

/** Neighbouring addresses that a vendor gave: ports of one card, which share addresses when bonded. */
export function areOneCard(a: string, b: string): boolean {
  const isLocal = (a.charCodeAt(0) & 2) !== 0;
  return (
    !isLocal &&
    a.slice(0, 5) === b.slice(0, 5) &&
    Math.abs(a.charCodeAt(5) - b.charCodeAt(5)) < portsOfCardMax
  );
}

/** "00:1b:21:0a:0b:0c" of a MAC address of 6 chars. */
export function formatMac(mac: string): string {
  return Array.from(mac, (byte) => byte.charCodeAt(0).toString(16).padStart(2, "0")).join(":");
}
