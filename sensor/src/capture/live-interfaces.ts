import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { PicketError } from "@picket/proto/picket-error.js";

/** What the system says of an interface; `unknown` where it does not say. */
export type InterfaceState = "up" | "down" | "gone" | "unknown";

const interfaceUpFlag = 0x1;
const capabilityNetRaw = 13n;

/** Names of the interfaces that exist, up or not, in order of name. */
export function listInterfaces(): string[] {
  const table = readText("/proc/net/dev");
  if (table === undefined) return Object.keys(networkInterfaces()).sort();
  return table
    .split("\n")
    .slice(2)
    .map((line) => line.slice(0, Math.max(line.indexOf(":"), 0)).trim())
    .filter((name) => name !== "")
    .sort();
}

/** Whether packets can be expected from an interface now; `any` is always up. */
export function interfaceState(name: string): InterfaceState {
  if (name === "any") return "up";
  if (!listInterfaces().includes(name)) return "gone";
  const flags = readText(`/sys/class/net/${name}/flags`);
  // Under a network namespace entered without its own /sys.
  if (flags === undefined) return "unknown";
  return (Number.parseInt(flags, 16) & interfaceUpFlag) === 0 ? "down" : "up";
}

/** Changes when an interface is deleted and made again under the same name. */
export function interfaceIndex(name: string): number {
  return Number(readText(`/sys/class/net/${name}/ifindex`) ?? 0);
}

/**
 * The interface to capture on: the one asked for, or the one of the default
 * route. Throws PicketError INTERFACE_UNKNOWN with the names that exist.
 */
export function resolveInterface(wanted: string): string {
  const names = listInterfaces();
  if (wanted === "any" || names.includes(wanted)) return wanted;
  const exist = names.length === 0 ? "there are none" : `there are: ${names.join(", ")}`;
  if (wanted !== "") {
    throw new PicketError("INTERFACE_UNKNOWN", `interface ${wanted} does not exist; ${exist}`, {
      field: "interface",
    });
  }
  const name = defaultRouteInterface();
  if (name !== undefined) return name;
  throw new PicketError("INTERFACE_UNKNOWN", `no default route; name an interface to capture on; ${exist}`, {
    field: "interface",
  });
}

/** Throws PicketError CAPTURE_DENIED when this process may not open a raw socket. */
export function requireCapturePermission(): void {
  const capabilities = /^CapEff:\s*([0-9a-f]+)$/m.exec(readText("/proc/self/status") ?? "")?.[1];
  if (capabilities === undefined) return;
  if (((BigInt(`0x${capabilities}`) >> capabilityNetRaw) & 1n) === 1n) return;
  throw new PicketError(
    "CAPTURE_DENIED",
    `capturing needs CAP_NET_RAW: run with sudo or \`sudo setcap cap_net_raw+ep ${process.execPath}\``,
  );
}

/** Addresses of this host, as text, without the loopback's. */
export function hostAddresses(): string[] {
  const addresses = Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter((entry) => !entry.internal)
    .map((entry) => entry.address.replace(/%.*$/, ""));
  return [...new Set(addresses)].sort();
}

function defaultRouteInterface(): string | undefined {
  return (
    defaultRoute4(readText("/proc/net/route") ?? "") ?? defaultRoute6(readText("/proc/net/ipv6_route") ?? "")
  );
}

/** Interface of the default route with the lowest metric in the text of /proc/net/route. */
export function defaultRoute4(table: string): string | undefined {
  const routes = table
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1] === "00000000" && fields[7] === "00000000" && fields[0] !== "lo")
    .sort((a, b) => Number(a[6]) - Number(b[6]));
  return routes[0]?.[0];
}

/** The same of /proc/net/ipv6_route, whose unreachable default is on lo. */
export function defaultRoute6(table: string): string | undefined {
  const routes = table
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(
      (fields) =>
        fields.length >= 10 && /^0{32}$/.test(fields[0]) && fields[1] === "00" && fields[9] !== "lo",
    )
    .sort((a, b) => Number.parseInt(a[5], 16) - Number.parseInt(b[5], 16));
  return routes[0]?.[9];
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
