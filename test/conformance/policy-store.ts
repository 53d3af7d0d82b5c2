import { setTimeout as delay } from "node:timers/promises";
import { defaultPolicy, defaultPolicyRevision, policySchema } from "@picket/correlator/policy/policy.js";
import type { Policy, PolicyRevision } from "@picket/correlator/policy/policy.js";
import type { PolicyStore } from "@picket/correlator/policy/policy-store.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

/** Opens an empty store; the suite closes it. */
export type OpenPolicyStore = () => Promise<PolicyStore>;

const nowMs = 1_760_000_000_000;
const timeoutMs = 10_000;

/** What every policy store does. */
export function describePolicyStore(name: string, open: OpenPolicyStore): void {
  describe(`${name} as policy store`, () => {
    let store: PolicyStore;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(async () => {
      await store.close();
    });

    it("has the built-in default when none was ever stored", async () => {
      expect(await store.get()).toEqual(defaultPolicyRevision);
    });

    it("counts revisions from 1 and keeps who changed what when", async () => {
      const first = await store.update(portsPolicy(9), defaultPolicyRevision.etag, "ana", "quieter", nowMs);
      expect(first).toMatchObject({ revision: 1, author: "ana", comment: "quieter", updateMs: nowMs });
      expect(first.policy.scan.portsPerTarget).toBe(9);
      expect(await store.get()).toEqual(first);
      const second = await store.update(portsPolicy(12), first.etag, "ben", "", nowMs + 1);
      expect(second.revision).toBe(2);
      expect(second.etag).not.toBe(first.etag);
      expect(await store.get()).toEqual(second);
    });

    it("refuses an update with an etag that is not the current one", async () => {
      const first = await store.update(portsPolicy(9), defaultPolicyRevision.etag, "", "", nowMs);
      for (const etag of [defaultPolicyRevision.etag, "", "x", "999999"])
        await expect(store.update(defaultPolicy, etag, "", "", nowMs)).rejects.toMatchObject({
          code: "CONFLICT",
        });
      expect(await store.get()).toEqual(first);
    });

    it("lets one of several updates at once through", async () => {
      for (let round = 0; round < 3; round++) {
        const { etag } = await store.get();
        const updates = Array.from({ length: 8 }, (_, i) =>
          store.update(portsPolicy(10 + i), etag, "", "", nowMs),
        );
        const results = await Promise.allSettled(updates);
        expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
        expect((await store.get()).revision).toBe(round + 1);
      }
    });

    it("gives a watcher the current revision at once and every later one", async () => {
      const seen: PolicyRevision[] = [];
      const abort = new AbortController();
      const watching = store.watch((revision) => seen.push(revision), abort.signal);
      await until(() => seen.length === 1);
      expect(seen[0]).toEqual(defaultPolicyRevision);
      const first = await store.update(portsPolicy(9), seen[0].etag, "", "", nowMs);
      await until(() => seen.length === 2);
      await store.update(portsPolicy(10), first.etag, "", "", nowMs);
      await until(() => seen.length === 3);
      expect(seen.map(({ revision }) => revision)).toEqual([0, 1, 2]);
      abort.abort();
      await watching;
    });

    it("calls nobody back after the signal aborted", async () => {
      const seen: number[] = [];
      const abort = new AbortController();
      const watching = store.watch(({ revision }) => seen.push(revision), abort.signal);
      await until(() => seen.length === 1);
      abort.abort();
      await watching;
      await store.update(portsPolicy(9), defaultPolicyRevision.etag, "", "", nowMs);
      expect(seen).toEqual([0]);
    });
  });
}

/** A policy that differs from the default in one number. */
export function portsPolicy(portsPerTarget: number): Policy {
  return policySchema.parse({ scan: { portsPerTarget } });
}

async function until(isTrue: () => boolean): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!isTrue()) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms`);
    await delay(5);
  }
}
