import { closeSync, openSync, readSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { hostNetworks, type HostNetworks } from "./host-networks.js";
import { parseRoutes4, parseRoutes6 } from "./route-table.js";

/** That much of a table of routes is read, some two thousand: a router of the Internet has a million. */
export const tableBytesMax = 262_144;

const systemTables = { ipv4: "/proc/net/route", ipv6: "/proc/net/ipv6_route" };

/** The networks around this host; `tablesCut` counts tables of routes that were too long. */
export interface ReadNetworks extends HostNetworks {
  readonly tablesCut: number;
}

/** Asks the system: for its interfaces and, on Linux, for its routes. */
export function readHostNetworks(tables = systemTables): ReadNetworks {
  const ipv4 = readTable(tables.ipv4);
  const ipv6 = readTable(tables.ipv6);
  const routes = [...parseRoutes4(ipv4.text), ...parseRoutes6(ipv6.text)];
  const tablesCut = Number(ipv4.isCut) + Number(ipv6.isCut);
  return { ...hostNetworks(networkInterfaces(), routes), tablesCut };
}

/** The whole lines of a file; none when it cannot be read. */
function readTable(path: string): { readonly text: string; readonly isCut: boolean } {
  const bytes = Buffer.allocUnsafe(tableBytesMax);
  const text = bytes.toString("latin1", 0, readInto(bytes, path));
  return { text: text.slice(0, text.lastIndexOf("\n") + 1), isCut: text.length === tableBytesMax };
}

/** Bytes read. */
function readInto(bytes: Buffer, path: string): number {
  let file: number | undefined;
  let length = 0;
  try {
    file = openSync(path, "r");
    // The kernel hands out a page at a time.
    for (let read = 1; read > 0; length += read)
      read = readSync(file, bytes, length, bytes.length - length, null);
  } catch {
    // Not Linux, or no IPv6.
  } finally {
    if (file !== undefined) closeSync(file);
  }
  return length;
}
