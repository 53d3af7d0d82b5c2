import ipaddr from "ipaddr.js";
import { addressKeyOfWords, type AddressKey } from "../windows/address-key.js";
import { addressKeyOfText } from "../windows/address-text.js";

/** Private, loopback, link-local and unique-local space: inside when no network is named. */
const defaultNetworks = [
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "169.254.0.0/16",
  "127.0.0.0/8",
  "fc00::/7",
  "fe80::/10",
  "::1/128",
];

interface Block {
  readonly words: readonly number[];
  readonly masks: readonly number[];
}

/** Decides what is inside. Addresses are four words, IPv4 mapped. */
export class HomeNetworks {
  private readonly blocks: readonly Block[];
  private readonly hosts: ReadonlySet<AddressKey>;
  /** The /24 or /64 around each of them. */
  private readonly hostNetworks: ReadonlySet<AddressKey>;

  /**
   * @param networks CIDR blocks already validated; empty means the private ranges
   * @param hosts addresses of the hosts that sensors run on: inside whatever the networks say
   */
  constructor(networks: readonly string[], hosts: readonly string[] = []) {
    this.hosts = new Set(hosts.flatMap((host) => addressKeyOfText(host) ?? []));
    this.hostNetworks = new Set([...this.hosts].filter((host) => !isLinkLocal(host)).map(networkOf));
    this.blocks = (networks.length > 0 ? networks : defaultNetworks).map(parseBlock);
  }

  /** True when the address in the four words at `offset` is inside. */
  isInside(words: Uint32Array, offset: number): boolean {
    for (const { words: block, masks } of this.blocks) {
      let k = 0;
      while (k < 4 && (words[offset + k] & masks[k]) >>> 0 === block[k]) k++;
      if (k === 4) return true;
    }
    return this.hosts.size > 0 && this.hosts.has(addressKeyOfWords(words, offset));
  }

  /** True when a sensor told an address of its host. */
  get hasSensors(): boolean {
    return this.hosts.size > 0;
  }

  /** True of an inside address in a network of the fleet, the /24 or /64 of a sensor's host, that no sensor has. */
  isBesideSensors(key: AddressKey): boolean {
    return !this.hosts.has(key) && this.hostNetworks.has(networkOf(key)) && this.isInsideKey(key);
  }

  /** `isInside` of a key; a shortened key (a prefix) is outside. */
  isInsideKey(key: AddressKey): boolean {
    if (key.length !== 4 && key.length !== 16) return false;
    const bytes = key.length === 4 ? `${ipv4Prefix}${key}` : key;
    for (let k = 0; k < 4; k++) scratch[k] = wordAt(bytes, k * 4);
    return this.isInside(scratch, 0);
  }
}

/** The network that an address is usually in, where its prefix length is not known. */
function networkOf(key: AddressKey): AddressKey {
  return key.length === 4 ? key.slice(0, 3) : key.slice(0, 8);
}

/** Every link has these networks; none of them is the fleet's. */
function isLinkLocal(key: AddressKey): boolean {
  return key.startsWith(key.length === 4 ? "\u00a9\u00fe" : "\u00fe\u0080");
}

const ipv4Prefix = "\0\0\0\0\0\0\0\0\0\0\u00ff\u00ff";
const scratch = new Uint32Array(4);

function wordAt(bytes: string, at: number): number {
  return (
    (bytes.charCodeAt(at) << 24) |
    (bytes.charCodeAt(at + 1) << 16) |
    (bytes.charCodeAt(at + 2) << 8) |
    bytes.charCodeAt(at + 3)
  );
}

/** True when the text is a CIDR block or a single address. */
export function isCidr(text: string): boolean {
  return text.includes("/") ? ipaddr.isValidCIDR(text) : ipaddr.isValid(text);
}

function parseBlock(text: string): Block {
  const [address, bits] = text.includes("/") ? ipaddr.parseCIDR(text) : [ipaddr.parse(text), 128];
  const isIpv4 = address.kind() === "ipv4";
  const bytes = isIpv4
    ? [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...address.toByteArray()]
    : address.toByteArray();
  const prefix = isIpv4 ? 96 + Math.min(32, bits) : bits;
  const masks = [0, 1, 2, 3].map((k) => wordMask(prefix - k * 32));
  const words = masks.map(
    (mask, k) =>
      (((bytes[k * 4] << 24) | (bytes[k * 4 + 1] << 16) | (bytes[k * 4 + 2] << 8) | bytes[k * 4 + 3]) &
        mask) >>>
      0,
  );
  return { words, masks };
}

function wordMask(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 32 ? 0xffffffff : (0xffffffff << (32 - bits)) >>> 0;
}
