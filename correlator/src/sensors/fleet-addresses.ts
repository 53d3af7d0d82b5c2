import type { FleetNetworks } from "../flows/home-networks.js";
import type { SensorRecord } from "./sensor-registry.js";

/** Where the fleet is, by its sensors' word: each text once, in order. */
export interface FleetAddresses {
  readonly hosts: readonly string[];
  readonly networks: FleetNetworks;
}

/** Of every sensor that is known, also of one that is silent: its host may still be there. */
export function fleetAddresses(sensors: readonly SensorRecord[]): FleetAddresses {
  return {
    hosts: union(sensors, ({ hostAddresses }) => hostAddresses),
    networks: {
      link: union(sensors, ({ linkNetworks }) => linkNetworks),
      routed: union(sensors, ({ routedNetworks }) => routedNetworks),
    },
  };
}

/** Whether nothing changed. */
export function isSameFleet(one: FleetAddresses, other: FleetAddresses): boolean {
  return (
    isSame(one.hosts, other.hosts) &&
    isSame(one.networks.link, other.networks.link) &&
    isSame(one.networks.routed, other.networks.routed)
  );
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, i) => text === other[i]);
}

function union(
  sensors: readonly SensorRecord[],
  textsOf: (sensor: SensorRecord) => readonly string[] | undefined,
): string[] {
  return [...new Set(sensors.flatMap((sensor) => textsOf(sensor) ?? []))].sort();
}
