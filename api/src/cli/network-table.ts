import { defaultNetworks, HomeNetworks } from "@picket/correlator/flows/home-networks.js";
import { addressKeyOfText } from "@picket/correlator/windows/address-text.js";
import type { Sensor } from "@picket/proto/generated/picket/v1/sensor.js";
import ipaddr from "ipaddr.js";
import { formatFirst } from "./display.js";
import { formatTable } from "./text-table.js";

/**
 * What is inside and who says so: the policy, or the private networks where it
 * names none, and the sensors, whose networks count where it names none.
 * @param named the home networks of the policy
 */
export function formatNetworks(sensors: readonly Sensor[], named: readonly string[]): string {
  const link = namesByNetwork(sensors, ({ linkNetworks }) => linkNetworks);
  const routed = namesByNetwork(sensors, ({ routedNetworks }) => routedNetworks);
  const home = new HomeNetworks(named, [], { link: [...link.keys()], routed: [...routed.keys()] });
  const told = (networks: ReadonlyMap<string, readonly string[]>, by: string): string[][] =>
    [...networks].map(([network, names]) => [
      network,
      insideText(home, network),
      by,
      formatFirst(names, BigInt(names.length), 3),
    ]);
  return formatTable(
    ["NETWORK", "INSIDE", "SAID BY", "SENSORS"],
    [
      ...named.map((network) => [network, "yes", "the policy", ""]),
      ...(named.length > 0 ? [] : defaultNetworks).map((network) => [network, "yes", "default", ""]),
      ...told(link, "sensors on it"),
      ...told(routed, "sensors with a route to it"),
      ...sensors.flatMap(refusedRow),
    ],
  );
}

/** Who tells each network, the most told first. */
function namesByNetwork(
  sensors: readonly Sensor[],
  networksOf: (sensor: Sensor) => readonly string[],
): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>();
  for (const sensor of sensors)
    for (const network of networksOf(sensor)) {
      const known = names.get(network);
      if (known === undefined) names.set(network, [sensor.name]);
      else known.push(sensor.name);
    }
  return new Map([...names].sort(([, one], [, other]) => other.length - one.length));
}

function insideText(home: HomeNetworks, network: string): string {
  const [first, last] = endsOf(network).map((address) =>
    home.isInsideKey(addressKeyOfText(address.toString()) ?? ""),
  );
  if (first !== last) return "in part";
  return first ? "yes" : "no";
}

function endsOf(network: string): (ipaddr.IPv4 | ipaddr.IPv6)[] {
  const family = network.includes(":") ? ipaddr.IPv6 : ipaddr.IPv4;
  return [family.networkAddressFromCIDR(network), family.broadcastAddressFromCIDR(network)];
}

function refusedRow({ name, refusedNetworks }: Sensor): string[][] {
  const reasons = Object.entries(refusedNetworks).map(([reason, count]) => `${count} ${reason}`);
  return reasons.length === 0 ? [] : [["", "no", `not believed: ${reasons.join(", ")}`, name]];
}
