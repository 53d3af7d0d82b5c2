import { endianness } from "node:os";
import { describe, expect, it } from "vitest";
import { parseRoutes4, parseRoutes6, type Route } from "./route-table.js";

/** As Linux prints it: words as they are in memory, columns filled with blanks. */
const table4 = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT                                                       
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0                                                                               
eth0\t0071A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0                                                                               
eth0\t0000140A\tFE71A8C0\t0003\t0\t0\t100\t0000FCFF\t0\t0\t0                                                                               
wg0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0                                                                               
*\t0000A8C0\t00000000\t0201\t0\t0\t0\t0000FFFF\t0\t0\t0                                                                               
`;

const table6 = `20010db8000700000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
fd120000000000000000000000000000 20 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0
fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000002 00000000 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000003 00000000 00000003     eth0
00000000000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000003 00000000 80200001       lo
20010db8000700000000000000000002 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000004 00000000 80200001     eth0
20010db8000700000000000000000000 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000003 00000000 80300001     eth0
ff000000000000000000000000000000 08 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000002 00000000 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
`;

function text({ address, bits, device, hasGateway }: Route): string {
  const of = address.length === 4 ? address.join(".") : Buffer.from(address).toString("hex");
  return `${of}/${bits} ${device}${hasGateway ? " router" : ""}`;
}

describe("the routes of the host", () => {
  it.skipIf(endianness() === "BE")("are those of /proc/net/route, but refused ones", () => {
    expect(parseRoutes4(table4).map(text)).toEqual([
      "0.0.0.0/0 eth0 router",
      "192.168.113.0/24 eth0",
      "10.20.0.0/14 eth0 router",
      "10.0.0.0/8 wg0",
    ]);
  });

  it("are those of /proc/net/ipv6_route, but refused ones and the host's own addresses", () => {
    expect(parseRoutes6(table6).map(text)).toEqual([
      "20010db8000700000000000000000000/64 eth0",
      "fd120000000000000000000000000000/32 eth0 router",
      "fe800000000000000000000000000000/64 eth0",
      "00000000000000000000000000000000/0 eth0 router",
      "ff000000000000000000000000000000/8 eth0",
    ]);
  });

  it("are none in a table that is cut off, empty or something else", () => {
    expect(parseRoutes4("")).toEqual([]);
    expect(parseRoutes4(table4.slice(0, table4.indexOf("00FFFFFF") + 5))).toHaveLength(1);
    expect(parseRoutes6(table6.slice(0, 140))).toEqual([]);
    expect(parseRoutes4(table6)).toEqual([]);
    expect(parseRoutes6(table4)).toEqual([]);
  });
});
