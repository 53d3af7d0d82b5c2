import type { NetworkClaim } from "@picket/proto/network-claim.js";

/** A route of the kernel's main table that leads to other hosts. */
export interface Route extends NetworkClaim {
  readonly device: string;
  /** Through a router; else its network is on the link itself, or behind a tunnel. */
  readonly hasGateway: boolean;
}

/** Flags of a route, RTF_… of linux/route.h and linux/ipv6_route.h. */
const gatewayFlag = 0x2;
/** Refused ones; of IPv6 also this host's own addresses, anycast ones and what is remembered of other routes. */
const leadsNowhere4 = 0x200;
const leadsNowhere6 = 0x200 | 0x8000_0000 | 0x0010_0000 | 0x0100_0000;

/** The routes in the text of /proc/net/route; lines that are none are left out. */
export function parseRoutes4(table: string): Route[] {
  return linesOf(table).flatMap(([device, destination, gateway, flagText, , , , mask]) => {
    const flags = Number.parseInt(flagText, 16);
    const [address, maskBytes] = [wordBytes(destination), wordBytes(mask)];
    if (address === undefined || maskBytes === undefined || (flags & leadsNowhere4) !== 0) return [];
    return [{ address, bits: bitsOf(maskBytes), device, hasGateway: isThroughRouter(flags, gateway) }];
  });
}

/** The routes in the text of /proc/net/ipv6_route; lines that are none are left out. */
export function parseRoutes6(table: string): Route[] {
  return linesOf(table).flatMap(([destination, length, , , gateway, , , , flagText, device]) => {
    const flags = Number.parseInt(flagText, 16);
    const bits = Number.parseInt(length, 16);
    if (!/^[0-9a-f]{32}$/.test(destination) || !(bits <= 128) || device === undefined) return [];
    if ((flags & leadsNowhere6) !== 0) return [];
    const address = [...Buffer.from(destination, "hex")];
    return [{ address, bits, device, hasGateway: isThroughRouter(flags, gateway) }];
  });
}

function linesOf(table: string): string[][] {
  return table.split("\n").map((line) => line.trim().split(/\s+/));
}

function isThroughRouter(flags: number, gateway: string): boolean {
  return (flags & gatewayFlag) !== 0 || !/^0*$/.test(gateway);
}

/** The bytes of a word that was printed as it is in memory: the other way round on most machines. */
function wordBytes(text: string | undefined): number[] | undefined {
  if (text === undefined || !/^[0-9A-Fa-f]{8}$/.test(text)) return undefined;
  return [...new Uint8Array(Uint32Array.of(Number.parseInt(text, 16)).buffer)];
}

/** Ones at the beginning of a mask. */
function bitsOf(mask: readonly number[]): number {
  const text = mask.map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return `${text}0`.indexOf("0");
}
