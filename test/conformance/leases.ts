import type { Lease, Leases } from "@picket/correlator/incidents/leases.js";
import { describe, expect, test, vi } from "vitest";

/** The suite of every kind of leases; `open` gives `count` holders that compete. */
export function leasesConformance(name: string, open: (count: number) => Promise<Leases[]>): void {
  const granted = async (leases: Leases, lease: string, ttlMs: number): Promise<Lease> =>
    await vi.waitUntil(() => leases.acquire(lease, ttlMs), { timeout: 5_000, interval: 5 });

  describe(`${name} leases`, () => {
    test("one of many gets it", async () => {
      const holders = await open(3);
      const tries = await Promise.all([...holders, ...holders].map((leases) => leases.acquire("a", 60_000)));
      expect(tries.filter((lease) => lease !== undefined)).toHaveLength(1);
    });

    test("names are independent", async () => {
      const [leases] = await open(1);
      expect(await leases.acquire("a", 60_000)).toMatchObject({ name: "a" });
      expect(await leases.acquire("b", 60_000)).toMatchObject({ name: "b" });
    });

    test("what is released can be had at once, with a higher fence", async () => {
      const [one, two] = await open(2);
      let fence = 0;
      for (const leases of [one, two, one, two]) {
        const lease = await leases.acquire("a", 60_000);
        expect(lease?.fence).toBeGreaterThan(fence);
        fence = lease?.fence ?? 0;
        await lease?.release();
      }
    });

    test("what is not renewed goes to another, and its first holder finds out", async () => {
      const [one, two] = await open(2);
      const lost = await granted(one, "a", 20);
      const taken = await granted(two, "a", 60_000);
      expect(taken.fence).toBeGreaterThan(lost.fence);
      expect(await lost.renew()).toBe(false);
      await lost.release();
      expect(await one.acquire("a", 60_000)).toBeUndefined();
      expect(await taken.renew()).toBe(true);
    });

    test("a renewed lease outlives its first time", async () => {
      const [one, two] = await open(2);
      const lease = await granted(one, "a", 500);
      const endMs = performance.now() + 800;
      while (performance.now() < endMs) {
        expect(await lease.renew()).toBe(true);
        expect(await two.acquire("a", 500)).toBeUndefined();
      }
    });
  });
}
