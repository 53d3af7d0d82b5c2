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

  it("keeps what is acknowledged until it is applied or expires, and sends it again when told to", () => {
    const spool = new MemorySpool(10_000);
    for (let sequence = 1; sequence <= 4; sequence++)
      spool.acknowledged(spool.appendClaimed(batch(sequence)), sequence);
    spool.applied(new Uint8Array(16), 2);
    expect(spool.counters.acknowledgedItems).toBe(2);
    expect(spool.next()).toBeUndefined();
    spool.resend();
    const again = [spool.next(), spool.next()];
    expect(again.map((entry) => [entry?.sequence, entry?.isResent])).toEqual([
      [3, true],
      [4, true],
    ]);
    for (const entry of again) if (entry !== undefined) spool.acknowledged(entry, 9);
    spool.expire(9);
    expect(spool.counters.acknowledgedItems).toBe(2);
    spool.expire(10);
    expect(spool.counters).toMatchObject({ acknowledgedItems: 0, spoolBytes: 0, acknowledgedDropped: 0 });
  });

  it("drops what is acknowledged first, without a gap", () => {
    const spool = new MemorySpool(1000);
    for (let sequence = 1; sequence <= 8; sequence++)
      spool.acknowledged(spool.appendClaimed(batch(sequence)), sequence);
    for (let sequence = 9; sequence <= 18; sequence++) spool.append(batch(sequence));
    expect(spool.counters).toMatchObject({ acknowledgedDropped: 8, batchesDroppedSpoolFull: 0 });
    expect(spool.next()).toMatchObject({ kind: "batch", sequence: 9 });
  });
});
