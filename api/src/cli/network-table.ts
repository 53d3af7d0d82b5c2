import { defaultNetworks } from "@picket/correlator/flows/home-networks.js";
import type { Sensor } from "@picket/proto/generated/picket/v1/sensor.js";
import { isWithin, type NetworkClaim } from "@picket/proto/network-claim.js";
import ipaddr from "ipaddr.js";
import { formatFirst } from "./display.js";
import { formatTable } from "./text-table.js";

/**
 * What is inside and who says so: the policy, or the private networks where it
 * names none, and the sensors, whose networks count where it names none.
 * @param named the home networks of the policy
 */
export function formatNetworks(sensors: readonly Sensor[], named: readonly string[]): string {
  const claims = named.map(claimOf);
  const told = (by: string, networksOf: (sensor: Sensor) => readonly string[]): string[][] =>
    namesByNetwork(sensors, networksOf).map(([network, names]) => [
      network,
      insideText(network, claims),
      by,
      formatFirst(names, BigInt(names.length), 3),
    ]);
  return formatTable(
    ["NETWORK", "INSIDE", "SAID BY", "SENSORS"],
    [
      ...named.map((network) => [network, "yes", "the policy", ""]),
      ...(named.length > 0 ? [] : defaultNetworks).map((network) => [network, "yes", "default", ""]),
      ...told("sensors on it", ({ linkNetworks }) => linkNetworks),
      ...told("sensors with a route to it", ({ routedNetworks }) => routedNetworks),
      ...sensors.flatMap(refusedRow),
    ],
  );
}

/** Who tells each network, the most told first. */
function namesByNetwork(
  sensors: readonly Sensor[],
  networksOf: (sensor: Sensor) => readonly string[],
): [network: string, names: readonly string[]][] {
  const names = new Map<string, string[]>();
  for (const sensor of sensors)
    for (const network of networksOf(sensor)) {
      const known = names.get(network);
      if (known === undefined) names.set(network, [sensor.name]);
      else known.push(sensor.name);
    }
  return [...names].sort(([, one], [, other]) => other.length - one.length);
}

/** Whether a network that sensors tell is inside: the policy decides where it names any. */
function insideText(network: string, named: readonly NetworkClaim[]): string {
  const told = claimOf(network);
  if (named.length === 0 || named.some((each) => isWithin(told, each))) return "yes";
  return named.some((each) => isWithin(each, told)) ? "in part" : "no";
}

/** Of a CIDR block or a single address. */
function claimOf(network: string): NetworkClaim {
  if (network.includes("/")) {
    const [address, bits] = ipaddr.parseCIDR(network);
    return { address: address.toByteArray(), bits };
  }
  const address = ipaddr.parse(network).toByteArray();
  return { address, bits: address.length * 8 };
}

function refusedRow({ name, refusedNetworks }: Sensor): string[][] {
  const reasons = Object.entries(refusedNetworks).map(([reason, count]) => `${count} ${reason}`);
  return reasons.length === 0 ? [] : [["", "no", `not believed: ${reasons.join(", ")}`, name]];
}
