import type { NetworkInterfaceInfo } from "node:os";
import { networksMax } from "@picket/proto/network-claim.js";
import { describe, expect, it } from "vitest";
import { hostNetworks, type HostInterfaces } from "./host-networks.js";
import type { Route } from "./route-table.js";

function on(cidr: string, fields: Partial<NetworkInterfaceInfo> = {}): NetworkInterfaceInfo {
  const address = cidr.split("/")[0];
  const common = { address, netmask: "", mac: "02:00:00:00:00:01", internal: false, cidr };
  return address.includes(":")
    ? ({ ...common, family: "IPv6", scopeid: 0, ...fields } as NetworkInterfaceInfo)
    : ({ ...common, family: "IPv4", ...fields } as NetworkInterfaceInfo);
}

const tunnel = { mac: "00:00:00:00:00:00" };

/** "10.0.0.0/8 dev eth0", with " via" through a router; IPv4 only. */
function route(text: string): Route {
  const [network, , device, via] = text.split(" ");
  const [address, bits] = network.split("/");
  return { address: address.split(".").map(Number), bits: Number(bits), device, hasGateway: via === "via" };
}

function networks(interfaces: HostInterfaces, ...routes: string[]): ReturnType<typeof hostNetworks> {
  return hostNetworks(interfaces, routes.map(route));
}

describe("the networks of a host", () => {
  it("are those of its addresses, public or private, each once", () => {
    const interfaces = {
      lo: [on("127.0.0.1/8", { ...tunnel, internal: true }), on("::1/128", { ...tunnel, internal: true })],
      eth0: [on("203.0.113.77/24"), on("203.0.113.78/25"), on("2001:db8:7::5/64"), on("fe80::1/64")],
      docker0: [on("172.17.0.1/16")],
    };
    const routes = ["203.0.113.0/24 dev eth0", "172.17.0.0/16 dev docker0", "0.0.0.0/0 dev eth0 via"];
    expect(networks(interfaces, ...routes)).toEqual({
      link: ["172.17.0.0/16", "203.0.113.0/24", "2001:db8:7::/64"],
      routed: [],
      wide: [],
      leftOut: 0,
    });
  });

  it("behind a router are private ones, however wide", () => {
    const interfaces = { eth0: [on("203.0.113.77/24")] };
    const routes = ["10.0.0.0/8 dev eth0 via", "10.1.0.0/16 dev eth0 via", "198.51.100.0/24 dev eth0 via"];
    expect(networks(interfaces, ...routes)).toMatchObject({
      link: ["203.0.113.0/24"],
      routed: ["10.0.0.0/8"],
    });
  });

  it("behind a tunnel are private ones, though there is no router", () => {
    const interfaces = { wg0: [on("10.8.0.2/24", tunnel)] };
    const routes = [
      "192.168.0.0/16 dev wg0",
      "0.0.0.0/1 dev wg0",
      "128.0.0.0/1 dev wg0",
      "8.8.0.0/16 dev wg0",
    ];
    expect(networks(interfaces, ...routes)).toEqual({
      link: ["10.8.0.0/24"],
      routed: ["192.168.0.0/16"],
      wide: [],
      leftOut: 0,
    });
  });

  it("are those on a link that no address is of, and public guests behind a bridge", () => {
    const interfaces = { vmbr0: [on("203.0.113.77/32")] };
    const routes = ["10.4.0.1/32 dev vmbr0", "198.51.100.9/32 dev vmbr0", "192.0.2.0/28 dev vmbr0"];
    expect(networks(interfaces, ...routes).link).toEqual(["192.0.2.0/28", "198.51.100.9/32"]);
  });

  it("are none that would make the Internet inside, which is told of", () => {
    const interfaces = { eth0: [on("198.51.100.7/1"), on("2001:db8::7/16"), on("10.0.0.7/8")] };
    const routes = ["128.0.0.0/1 dev eth0", "0.0.0.0/0 dev eth0"];
    expect(networks(interfaces, ...routes)).toMatchObject({
      link: ["10.0.0.0/8"],
      wide: ["128.0.0.0/1", "2001::/16"],
    });
  });

  it("are the widest where there are too many; the rest is counted", () => {
    const routes = Array.from({ length: networksMax + 9 }, (_, i) => `10.0.${i}.0/24 dev eth0 via`);
    const { routed, leftOut } = networks(
      { eth0: [on("203.0.113.77/24")] },
      ...routes,
      "10.9.0.0/16 dev eth0 via",
    );
    expect(routed).toHaveLength(networksMax);
    expect(routed[0]).toBe("10.9.0.0/16");
    expect(leftOut).toBe(10);
  });
});
