import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { defaultPolicy, policySchema } from "../../policy/policy.js";
import { MemoryPolicyStore } from "./memory-policy-store.js";

describe("the policy store in memory", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "picket-policy-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const stricter = policySchema.parse({ scan: { crowdSourcesMin: 4 } });

  it("starts with the built-in defaults", async () => {
    expect(await new MemoryPolicyStore().get()).toMatchObject({ revision: 0, policy: defaultPolicy });
  });

  it("takes an update with the current etag and refuses one with an old etag", async () => {
    const store = new MemoryPolicyStore();
    const { etag } = await store.get();
    const updated = await store.update(stricter, etag, "ada", "stricter", 5);
    expect(updated).toMatchObject({ revision: 1, author: "ada", comment: "stricter", updateMs: 5 });
    await expect(store.update(stricter, etag, "bob", "", 6)).rejects.toMatchObject({ code: "CONFLICT" });
  });

  it("lets one of two updates at the same time win", async () => {
    const store = new MemoryPolicyStore();
    const results = await Promise.allSettled([
      store.update(stricter, "0", "ada", "", 1),
      store.update(stricter, "0", "bob", "", 1),
    ]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  });

  it("calls a watcher with the current and every later revision until it stops", async () => {
    const store = new MemoryPolicyStore();
    const stop = new AbortController();
    const seen: number[] = [];
    const watch = store.watch(({ revision }) => seen.push(revision), stop.signal);
    const { etag } = await store.update(stricter, "0", "", "", 1);
    stop.abort();
    await watch;
    await store.update(defaultPolicy, etag, "", "", 2);
    expect(seen).toEqual([0, 1]);
  });

  it("goes on from its file after a restart", async () => {
    const file = path.join(folder, "new", "policy.json");
    const before = await MemoryPolicyStore.open(file);
    const updated = await before.update(stricter, "0", "ada", "", 1);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await (await MemoryPolicyStore.open(file)).get()).toEqual(updated);
  });

  it.each([
    ["no JSON", "{", "is not JSON"],
    [
      "a value out of range",
      JSON.stringify({ policy: { scan: { crowdSourcesMin: 1 } } }),
      "broken.json: revision",
    ],
  ])("names its file when that holds %s", async (_name, content, message) => {
    const file = path.join(folder, "broken.json");
    await writeFile(file, content);
    await expect(MemoryPolicyStore.open(file)).rejects.toMatchObject({
      code: "INVALID_POLICY",
      message: expect.stringContaining(message),
    });
  });

  it("keeps the old policy when the new one cannot be written", async () => {
    const store = new MemoryPolicyStore(undefined, path.join(folder, "missing\0", "policy.json"));
    await expect(store.update(stricter, "0", "", "", 1)).rejects.toMatchObject({ code: "SPOOL_FAILED" });
    expect((await store.get()).revision).toBe(0);
  });
});
