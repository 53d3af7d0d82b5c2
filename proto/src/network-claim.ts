/** A network: its address as 4 or 16 bytes, and the bits that are common to it. */
export interface NetworkClaim {
  readonly address: readonly number[];
  readonly bits: number;
}

/**
 * Why a network is no place of the fleet whatever a host says: no host has an
 * address in it that means something elsewhere; or so much is behind it that one
 * host, compromised or configured in error, would make the Internet inside.
 */
export type NetworkFault = "special" | "wide";

/** Networks of each kind that a sensor tells and a correlator reads. */
export const networksMax = 64;

/** The widest public networks that a host may claim; wider ones are the policy's to name. */
const publicBitsMin = { ipv4: 16, ipv6: 32 };

/** RFC 1918, RFC 6598 and RFC 4193: of any width, for they are nobody's on the Internet. */
const privateNetworks = [
  ipv4(8, 10),
  ipv4(12, 172, 16),
  ipv4(16, 192, 168),
  ipv4(10, 100, 64),
  ipv6(7, 0xfc),
];

/** This host, loopback, link-local, multicast and reserved; Teredo and 6to4, which hold all of IPv4. */
const specialNetworks = [
  ipv4(8, 0),
  ipv4(8, 127),
  ipv4(16, 169, 254),
  ipv4(3, 224),
  ipv6(10, 0xfe, 0x80),
  ipv6(8, 0xff),
  ipv6(32, 0x20, 0x01),
  ipv6(16, 0x20, 0x02),
];

const globalUnicast = ipv6(3, 0x20);

/** Undefined for a network that a host may be on. */
export function networkFault(network: NetworkClaim): NetworkFault | undefined {
  if (isPrivateNetwork(network)) return undefined;
  if (specialNetworks.some((special) => isWithin(network, special))) return "special";
  const isIpv4 = network.address.length === 4;
  if (network.bits < (isIpv4 ? publicBitsMin.ipv4 : publicBitsMin.ipv6)) return "wide";
  // IPv4 in IPv6 and its translations (RFC 4291, RFC 6052) are outside of it.
  return isIpv4 || isWithin(network, globalUnicast) ? undefined : "special";
}

/** True of a network in space that everybody may use. */
export function isPrivateNetwork(network: NetworkClaim): boolean {
  return privateNetworks.some((each) => isWithin(network, each));
}

/** True when the whole of one network is in the other. */
export function isWithin(inner: NetworkClaim, outer: NetworkClaim): boolean {
  if (inner.address.length !== outer.address.length || inner.bits < outer.bits) return false;
  for (let byte = 0; byte * 8 < outer.bits; byte++) {
    const unused = Math.max(0, (byte + 1) * 8 - outer.bits);
    if (inner.address[byte] >> unused !== outer.address[byte] >> unused) return false;
  }
  return true;
}

function ipv4(bits: number, ...head: readonly number[]): NetworkClaim {
  return { address: [...head, 0, 0, 0].slice(0, 4), bits };
}

function ipv6(bits: number, ...head: readonly number[]): NetworkClaim {
  return { address: [...head, ...Array.from({ length: 16 - head.length }, () => 0)], bits };
}
