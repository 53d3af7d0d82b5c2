import ipaddr from "ipaddr.js";
import { formatAddressKey, type AddressKey } from "../windows/address-key.js";
import { addressKeyOfText } from "../windows/address-text.js";
import { NetworkSet } from "./network-set.js";

/** Private, loopback, link-local and unique-local space: inside when the policy names no network. */
export const defaultNetworks = [
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "169.254.0.0/16",
  "127.0.0.0/8",
  "fc00::/7",
  "fe80::/10",
  "::1/128",
];

/** What the sensors say of the networks around their hosts, as CIDR blocks. */
export interface FleetNetworks {
  /** Their hosts are on them: what nobody has there is free. */
  readonly link: readonly string[];
  /** Their hosts have a route to them. */
  readonly routed: readonly string[];
}

/** Decides what is inside. Addresses are four words, IPv4 mapped. */
export class HomeNetworks {
  private readonly inside: NetworkSet;
  /** Networks that sensors' hosts are on, inside or not, as told and as guessed. */
  private readonly link: NetworkSet;
  private readonly guessed: NetworkSet;
  private readonly hosts: ReadonlySet<AddressKey>;

  /**
   * @param networks CIDR blocks already validated; empty means the private ranges and what the sensors say
   * @param hosts addresses of the hosts that sensors run on: inside whatever the networks say
   */
  constructor(
    networks: readonly string[],
    hosts: readonly string[] = [],
    fleet: FleetNetworks = { link: [], routed: [] },
  ) {
    this.hosts = new Set(hosts.flatMap((host) => addressKeyOfText(host) ?? []));
    this.link = new NetworkSet(fleet.link);
    this.inside =
      networks.length > 0
        ? new NetworkSet(networks, this.hosts)
        : new NetworkSet([...defaultNetworks, ...fleet.routed], this.hosts, this.link);
    this.guessed = new NetworkSet(guessNetworks(this.hosts, this.link));
  }

  /** True when the address in the four words at `offset` is inside. */
  isInside(words: Uint32Array, offset: number): boolean {
    return this.inside.has(words, offset);
  }

  /** True when a sensor told an address of its host. */
  get hasSensors(): boolean {
    return this.hosts.size > 0;
  }

  /** True of an inside address that no sensor has, in a network that a sensor's host is on. */
  isBesideSensors(key: AddressKey): boolean {
    if (this.hosts.has(key) || !this.isInsideKey(key)) return false;
    return this.link.hasKey(key) || this.guessed.hasKey(key);
  }

  /** `isInside` of a key; a shortened key (a prefix) is outside. */
  isInsideKey(key: AddressKey): boolean {
    return (key.length === 4 || key.length === 16) && this.inside.hasKey(key);
  }
}

/** The networks that hosts are usually in, the /24 or /64, where no sensor says in which. */
function guessNetworks(hosts: ReadonlySet<AddressKey>, known: NetworkSet): string[] {
  const unknown = [...hosts].filter((host) => !isLinkLocal(host) && !known.hasKey(host));
  return unknown.map((host) => formatAddressKey(host.slice(0, host.length === 4 ? 3 : 8)));
}

/** Every link has these networks; none of them is the fleet's. */
function isLinkLocal(key: AddressKey): boolean {
  return key.startsWith(key.length === 4 ? "\u00a9\u00fe" : "\u00fe\u0080");
}

/** True when the text is a CIDR block or a single address. */
export function isCidr(text: string): boolean {
  return text.includes("/") ? ipaddr.isValidCIDR(text) : ipaddr.isValid(text);
}
