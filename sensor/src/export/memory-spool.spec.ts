import { describe, expect, it } from "vitest";
import { decodeGap } from "./gap-codec.js";
import { MemorySpool } from "./memory-spool.js";
import type { SpoolItem } from "./spool.js";

function batch(sequence: number): SpoolItem {
  const totals = { records: 2, packets: 3, bytes: 100, fromUs: sequence, toUs: sequence + 1 };
  return { kind: "batch", epoch: new Uint8Array(16), sequence, bytes: new Uint8Array(100), totals };
}

describe("memory spool", () => {
  it("hands out the oldest first and what was released again", () => {
    const spool = new MemorySpool(10_000);
    const claimed = spool.appendClaimed(batch(1));
    spool.append(batch(2));
    expect(spool.next()?.sequence).toBe(2);
    spool.release(claimed);
    expect(spool.next()?.sequence).toBe(1);
    expect(spool.next()).toBeUndefined();
  });

  it("drops the oldest above its limit and says exactly what", () => {
    const spool = new MemorySpool(1000);
    for (let sequence = 1; sequence <= 25; sequence++) spool.append(batch(sequence));
    const gap = decodeGap(spool.next()?.bytes ?? new Uint8Array());
    expect(gap).toMatchObject({ records: 30, firstSequence: 1, lastSequence: 15, fromUs: 1, toUs: 16 });
    expect(spool.next()?.sequence).toBe(16);
    expect(spool.counters.recordsDroppedSpoolFull).toBe(30);
  });

  it("never drops what is in flight", () => {
    const spool = new MemorySpool(100);
    const claimed = spool.appendClaimed(batch(1));
    spool.append(batch(2));
    spool.append(batch(3));
    spool.delivered(claimed);
    const kinds = [spool.next(), spool.next(), spool.next()].map((entry) => entry?.kind);
    expect(kinds[0]).toBe("gap");
    expect(decodeGap(spool.appendClaimed(batch(9)).bytes)).toBeUndefined();
  });
});
