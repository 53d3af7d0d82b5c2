import { describe, expect, it } from "vitest";
import { whenIdle } from "./when-idle.js";

describe("items with notice of idle times", () => {
  it("come in order and end with their source", async () => {
    async function* source(): AsyncGenerator<number> {
      yield 1;
      yield 2;
    }
    const seen: unknown[] = [];
    for await (const item of whenIdle(source(), () => 10_000)) seen.push(item);
    expect(seen).toEqual([1, 2]);
  });

  it("are undefined while the source has none, and none is lost", async () => {
    let release: (value: number) => void = () => undefined;
    async function* source(): AsyncGenerator<number> {
      yield await new Promise<number>((resolve) => (release = resolve));
    }
    let dueMs = performance.now() + 5;
    const items = whenIdle(source(), () => dueMs - performance.now());
    expect((await items.next()).value).toBeUndefined();
    dueMs = performance.now() + 5;
    expect((await items.next()).value).toBeUndefined();
    dueMs = performance.now() + 5;
    release(7);
    let { value } = await items.next();
    while (value === undefined) ({ value } = await items.next());
    expect(value).toBe(7);
    expect((await items.next()).done).toBe(true);
  });

  it("pass the failure of the source on", async () => {
    // oxlint-disable-next-line require-yield
    async function* source(): AsyncGenerator<number> {
      throw new Error("no more");
    }
    await expect(whenIdle(source(), () => 10_000).next()).rejects.toThrow("no more");
  });

  it("let the source clean up when the reader leaves", async () => {
    let isClean = false;
    async function* source(): AsyncGenerator<number> {
      try {
        for (;;) yield 1;
      } finally {
        isClean = true;
      }
    }
    for await (const item of whenIdle(source(), () => 10_000)) if (item === 1) break;
    expect(isClean).toBe(true);
  });
});
