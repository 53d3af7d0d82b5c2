import { describe, expect, it } from "vitest";
import { HomeNetworks } from "../flows/home-networks.js";
import { addressKeyOfText } from "../windows/address-text.js";
import { fleetAddresses, isSameFleet } from "./fleet-addresses.js";
import { sensorRecord as sensor } from "./testing/sensor-record.js";

const first = sensor({ hostAddresses: ["10.0.0.2", "10.0.0.1"], linkNetworks: ["10.0.0.0/24"] });
const second = sensor({ linkNetworks: ["10.0.0.0/24"], routedNetworks: ["10.0.0.0/8"] });
/** It does not tell its networks. */
const older = sensor({ hostAddresses: ["10.1.0.1"] });

describe("where the fleet is", () => {
  it("is what its sensors tell, each once, in any order", () => {
    const fleet = fleetAddresses([first, second, older]);
    expect(fleet).toEqual({
      hosts: ["10.0.0.1", "10.0.0.2", "10.1.0.1"],
      networks: { link: ["10.0.0.0/24"], routed: ["10.0.0.0/8"] },
    });
    expect(isSameFleet(fleet, fleetAddresses([older, second, first]))).toBe(true);
    expect(isSameFleet(fleet, fleetAddresses([first, older]))).toBe(false);
    expect(isSameFleet(fleet, fleetAddresses([first, second]))).toBe(false);
  });

  it("may be ten thousand networks", () => {
    const sensors = Array.from({ length: 10_000 }, (_, i) =>
      sensor({
        hostAddresses: [`198.${i >> 8}.${i & 255}.7`, `2001:db8:${i.toString(16)}::7`],
        linkNetworks: [`198.${i >> 8}.${i & 255}.0/28`, `2001:db8:${i.toString(16)}::/64`],
      }),
    );
    const { hosts, networks } = fleetAddresses(sensors);
    const home = new HomeNetworks([], hosts, networks);
    const isBeside = (address: string): boolean => home.isBesideSensors(addressKeyOfText(address) ?? "");
    for (const i of [0, 4711, 9999]) {
      expect(isBeside(`198.${i >> 8}.${i & 255}.15`)).toBe(true);
      expect(isBeside(`198.${i >> 8}.${i & 255}.16`)).toBe(false);
      expect(isBeside(`2001:db8:${i.toString(16)}::9`)).toBe(true);
      expect(isBeside(`2001:db8:${i.toString(16)}:1::9`)).toBe(false);
    }
  });
});
