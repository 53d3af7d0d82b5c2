import { describe, expect, it } from "vitest";
import { believedNetworks, type RefusedNetworks } from "./network-claims.js";

function read(...claims: string[]): { networks: string[]; refused: RefusedNetworks } {
  const refused: RefusedNetworks = {};
  return { networks: believedNetworks(claims, refused), refused };
}

describe("networks that a sensor tells", () => {
  it("are taken as they are, each once", () => {
    const networks = ["198.51.0.0/16", "10.0.0.0/8", "2001:db8::/32", "203.0.113.7/32"];
    expect(read(...networks, "10.0.0.0/8")).toEqual({ networks, refused: {} });
    expect(read("2001:DB8:0::/48").networks).toEqual(["2001:db8::/48"]);
  });

  it("are refused where they would make the Internet inside, and counted", () => {
    const claims = ["0.0.0.0/0", "128.0.0.0/1", "198.50.0.0/15", "::/0", "2000::/3", "2001:db8::/31"];
    expect(read(...claims)).toEqual({ networks: [], refused: { wide: 6 } });
    const mapped = ["::ffff:0:0/96", "::ffff:0.0.0.0/96", "64:ff9b::/96", "2001::/32", "2002:0::/32"];
    expect(read(...mapped)).toEqual({ networks: [], refused: { special: 5 } });
  });

  it.each(["", "/", "10.0.0.0", "10.0.0.0/33", "2001:db8::/129", "10.0.0.0/-1", "10.0.0.0/8/8", "lab/8"])(
    "are refused where %s is none",
    (claim) => {
      expect(read(claim)).toEqual({ networks: [], refused: { unreadable: 1 } });
    },
  );

  it("are the first of so many", () => {
    const claims = Array.from({ length: 70 }, (_, i) => `10.0.${i}.0/24`);
    const { networks, refused } = read(...claims);
    expect(networks).toEqual(claims.slice(0, 64));
    expect(refused).toEqual({ surplus: 6 });
  });
});
