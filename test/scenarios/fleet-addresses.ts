/** Where a simulated fleet lives. Addresses are IPv4 as numbers. */

/** Hosts of one /24 of the fleet, from .1 on. */
const hostsPerSubnet = 250;
const hostsBase = 0x0a40_0000;
const serversBase = 0x0a01_0000;
const webBase = 0x3400_0000;
const attackersBase = 0xb900_0000;

/** Most hosts of a fleet: what fits between the other networks. */
export const fleetHostsMax = 100_000;

/** Address of the host that sensor `index` runs on: 10.64.0.0 onward. */
export function hostAddress(index: number): number {
  return hostsBase + Math.floor(index / hostsPerSubnet) * 256 + (index % hostsPerSubnet) + 1;
}

/** An inside server without a sensor: 10.1.0.0 onward. */
export function serverAddress(number: number): number {
  return serversBase + number;
}

/** A web server outside: 52.0.0.0 onward, no two in one /24. */
export function webAddress(rank: number): number {
  return webBase + rank * 256 + 7;
}

/** Source `number` of an attack: each attack has a /16 of its own outside, 185.0.0.0 onward. */
export function attackerAddress(attack: number, number: number): number {
  return attackersBase + (attack % 4096) * 65_536 + number;
}

/** "10.64.0.1" and alike. */
export function addressText(address: number): string {
  return [24, 16, 8, 0].map((bits) => (address >>> bits) & 0xff).join(".");
}
