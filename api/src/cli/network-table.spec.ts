import { Sensor } from "@picket/proto/generated/picket/v1/sensor.js";
import { describe, expect, it } from "vitest";
import { formatNetworks } from "./network-table.js";

const sensors = [
  Sensor.fromPartial({
    name: "lab-01",
    linkNetworks: ["2001:db8:7::/64"],
    routedNetworks: ["172.16.0.0/12"],
  }),
  ...["lab-02", "lab-03", "lab-04", "lab-05"].map((name) =>
    Sensor.fromPartial({ name, linkNetworks: ["203.0.113.0/24"] }),
  ),
  Sensor.fromPartial({ name: "lab-06", refusedNetworks: { wide: 2n, special: 1n } }),
];

const rows = (named: string[]): string[] =>
  formatNetworks(sensors, named)
    .trim()
    .split("\n")
    .map((line) => line.replace(/ {2,}/g, "; "));

describe("the table of networks", () => {
  it("has the private ones and what the sensors tell where the policy names none", () => {
    const table = rows([]);
    expect(table[0]).toBe("NETWORK; INSIDE; SAID BY; SENSORS");
    expect(table[1]).toBe("10.0.0.0/8; yes; default");
    expect(table.slice(-4)).toEqual([
      "203.0.113.0/24; yes; sensors on it; lab-02 lab-03 lab-04 +1",
      "2001:db8:7::/64; yes; sensors on it; lab-01",
      "172.16.0.0/12; yes; sensors with a route to it; lab-01",
      "; no; not believed: 2 wide, 1 special; lab-06",
    ]);
  });

  it("says which of them the policy leaves outside", () => {
    expect(rows(["203.0.113.64/26", "203.0.113.9", "2001:db8::/32"]).slice(1, -1)).toEqual([
      "203.0.113.64/26; yes; the policy",
      "203.0.113.9; yes; the policy",
      "2001:db8::/32; yes; the policy",
      "203.0.113.0/24; in part; sensors on it; lab-02 lab-03 lab-04 +1",
      "2001:db8:7::/64; yes; sensors on it; lab-01",
      "172.16.0.0/12; no; sensors with a route to it; lab-01",
    ]);
  });
});
