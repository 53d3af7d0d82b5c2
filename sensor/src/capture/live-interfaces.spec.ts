import { describe, expect, it } from "vitest";
import {
  defaultRoute4,
  defaultRoute6,
  interfaceState,
  listInterfaces,
  resolveInterface,
} from "./live-interfaces.js";

const header =
  "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT                                                       ";

describe("interfaces", () => {
  it("of the default route with the lowest metric is chosen", () => {
    const table = [
      header,
      "wlan0\t00000000\t0100A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0",
      "eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0",
      "eth1\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
    ].join("\n");
    expect(defaultRoute4(table)).toBe("eth0");
    expect(defaultRoute4(header)).toBeUndefined();
  });

  it("of the unreachable IPv6 default on lo is not chosen", () => {
    const zero = "0".repeat(32);
    const lo = `${zero} 00 ${zero} 00 ${zero} ffffffff 00000001 00000000 00200200       lo`;
    const eth = `${zero} 00 ${zero} 00 ${zero} 00000400 00000001 00000000 00000003     eth0`;
    expect(defaultRoute6(lo)).toBeUndefined();
    expect(defaultRoute6(`${lo}\n${eth}\n`)).toBe("eth0");
  });

  it("that does not exist is refused with those that do", () => {
    expect(listInterfaces()).toContain("lo");
    expect(interfaceState("nope0")).toBe("gone");
    expect(() => resolveInterface("nope0")).toThrow(/interface nope0 does not exist; there are: .*lo/);
  });
});
