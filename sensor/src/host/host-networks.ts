import type { NetworkInterfaceInfo } from "node:os";
import {
  isPrivateNetwork,
  isWithin,
  networkFault,
  networksMax,
  type NetworkClaim,
} from "@picket/proto/network-claim.js";
import ipaddr from "ipaddr.js";
import type { Route } from "./route-table.js";

/** The networks around a host that are inside, as CIDR blocks. */
export interface HostNetworks {
  /** It shares a link with their hosts. */
  readonly link: readonly string[];
  /** Private ones that it has a route to. */
  readonly routed: readonly string[];
  /** On its links, and too wide to be believed. */
  readonly wide: readonly string[];
  /** Beyond `networksMax`. */
  readonly leftOut: number;
}

export type HostInterfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/**
 * What is inside, seen from a host: the networks of its interfaces' addresses
 * and of its routes without a router, public ones too; behind a router or a
 * tunnel private ones only, because a public one there may be anybody's. Never
 * the default route, nor its halves or what else is too wide.
 */
export function hostNetworks(interfaces: HostInterfaces, routes: readonly Route[]): HostNetworks {
  const devices = linkDevices(interfaces);
  const isOnLink = (route: Route): boolean => !route.hasGateway && devices.has(route.device);
  const onLink = [...addressNetworks(interfaces), ...routes.filter(isOnLink)];
  const behind = routes.filter((route) => !isOnLink(route) && isPrivateNetwork(route));
  const believable = onLink.filter((network) => networkFault(network) === undefined);
  const wide = onLink.filter((network) => network.bits > 0 && networkFault(network) === "wide");
  const link = chooseWidest(believable, []);
  const routed = chooseWidest(behind, link.chosen);
  return {
    link: link.chosen.map(formatNetwork),
    routed: routed.chosen.map(formatNetwork),
    wide: [...new Set(wide.map(formatNetwork))],
    leftOut: link.leftOut + routed.leftOut,
  };
}

/** Interfaces with neighbours; tunnels and serial links have no MAC. */
function linkDevices(interfaces: HostInterfaces): ReadonlySet<string> {
  const hasMac = ({ mac, internal }: NetworkInterfaceInfo): boolean =>
    !internal && mac !== "00:00:00:00:00:00";
  return new Set(Object.keys(interfaces).filter((name) => interfaces[name]?.some(hasMac)));
}

/** An address without a network around it is no network. */
function addressNetworks(interfaces: HostInterfaces): NetworkClaim[] {
  return Object.values(interfaces)
    .flatMap((entries) => entries ?? [])
    .filter(({ internal }) => !internal)
    .flatMap(({ cidr }) => (cidr === null ? [] : [parseNetwork(cidr)]))
    .filter((network) => !isSingle(network));
}

/** The widest `networksMax` that are in no other and not known; one private address says nothing of its own. */
function chooseWidest(
  networks: readonly NetworkClaim[],
  known: readonly NetworkClaim[],
): { readonly chosen: NetworkClaim[]; readonly leftOut: number } {
  const chosen: NetworkClaim[] = [];
  let leftOut = 0;
  for (const network of networks.toSorted((one, other) => one.bits - other.bits)) {
    if (isSingle(network) && isPrivateNetwork(network)) continue;
    if ([...known, ...chosen].some((wider) => isWithin(network, wider))) continue;
    if (chosen.length < networksMax) chosen.push(network);
    else leftOut++;
  }
  return { chosen, leftOut };
}

function isSingle({ address, bits }: NetworkClaim): boolean {
  return bits === address.length * 8;
}

function parseNetwork(cidr: string): NetworkClaim {
  const [address, bits] = ipaddr.parseCIDR(cidr);
  const network =
    address.kind() === "ipv4"
      ? ipaddr.IPv4.networkAddressFromCIDR(cidr)
      : ipaddr.IPv6.networkAddressFromCIDR(cidr);
  return { address: network.toByteArray(), bits };
}

function formatNetwork({ address, bits }: NetworkClaim): string {
  return `${ipaddr.fromByteArray([...address]).toString()}/${bits}`;
}
