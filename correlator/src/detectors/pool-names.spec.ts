import { describe, expect, it } from "vitest";
import { defaultPolicy } from "../policy/policy.js";
import { PoolNames } from "./pool-names.js";

function has(name: string, domains: readonly string[] = defaultPolicy.mining.domains): boolean {
  const bytes = Buffer.from(`xx${name}yy`);
  return PoolNames.of(domains).has(bytes, 2, bytes.length - 2);
}

describe("names of mining pools", () => {
  it.each([
    "xmr-eu1.nanopool.org",
    "pool.supportxmr.com",
    "eu.a.f2pool.com",
    "stratum.example.net",
    "stratum2.pool.example",
  ])("knows %s", (name) => expect(has(name)).toBe(true));

  it.each([
    "nanopool.org",
    "www.nanopool.org",
    "api.nanopool.org",
    "notnanopool.org",
    "nanopool.org.example.com",
    "substratum.example.net",
    "example.com",
    "org",
    "",
  ])("passes over %s", (name) => expect(has(name)).toBe(false));

  it("takes the domains of the policy", () => {
    expect(has("a.b.pool.test", ["Pool.Test."])).toBe(true);
    expect(has("xmr-eu1.nanopool.org", ["pool.test"])).toBe(false);
  });
});
