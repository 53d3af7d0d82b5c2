import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DiskSpool } from "./disk-spool.js";
import { decodeGap } from "./gap-codec.js";
import type { Gap } from "./gap.js";
import type { SpoolEntry, SpoolItem } from "./spool.js";

const nowUs = 1_700_000_000_000_000;
/** Thousands of opened and synced files are slow on a disk. */
const memoryFolder = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(memoryFolder, "picket-spool-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function epochOf(start: number): Uint8Array {
  return new Uint8Array(16).fill(start);
}

function open(start: number, bytesMax = 16 << 20, at = folder): DiskSpool {
  return DiskSpool.open({
    folder: at,
    bytesMax,
    memoryBytesMax: 1 << 20,
    epoch: epochOf(start),
    nowUs: () => nowUs,
  });
}

function batch(start: number, sequence: number, payloadBytes = 100): SpoolItem {
  const bytes = new Uint8Array(payloadBytes).fill(sequence & 0xff);
  const totals = {
    records: 10,
    packets: 30,
    bytes: 4000,
    fromUs: nowUs + sequence,
    toUs: nowUs + sequence + 5,
  };
  return { kind: "batch", epoch: epochOf(start), sequence, bytes, totals };
}

function takeAll(spool: DiskSpool): { batches: SpoolEntry[]; gaps: Gap[] } {
  const batches: SpoolEntry[] = [];
  const gaps: Gap[] = [];
  for (let entry = spool.next(); entry !== undefined; entry = spool.next()) {
    const gap = entry.kind === "gap" ? decodeGap(entry.bytes) : undefined;
    if (gap === undefined) batches.push(entry);
    else gaps.push(gap);
    spool.delivered(entry);
  }
  return { batches, gaps };
}

/** A copy of the folder as a kill would leave it: the marker of a dead process. */
function killedCopy(name: string): string {
  const copy = join(folder, "..", `${name}-${process.pid}`);
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy);
  for (const file of readdirSync(folder)) copyFileSync(join(folder, file), join(copy, file));
  return copy;
}

function segmentsIn(at: string): string[] {
  return readdirSync(at)
    .filter((name) => name.endsWith(".segment"))
    .sort();
}

/** Claims everything and acknowledges it. */
function acknowledgeAll(spool: DiskSpool, atUs = nowUs): SpoolEntry[] {
  const entries: SpoolEntry[] = [];
  for (let entry = spool.next(); entry !== undefined; entry = spool.next()) {
    entries.push(entry);
    spool.acknowledged(entry, atUs);
  }
  return entries;
}

function sequencesOf(entries: readonly SpoolEntry[]): number[] {
  return entries.map(({ sequence }) => sequence);
}

describe("disk spool", () => {
  it("gives back undelivered batches of an earlier run with their own epoch and sequence", async () => {
    const first = open(1);
    for (const sequence of [1, 2, 3]) first.append(batch(1, sequence));
    await first.close();

    const second = open(2);
    second.append(batch(2, 1));
    const { batches, gaps } = takeAll(second);
    expect(gaps).toEqual([]);
    expect(batches.map((entry) => [entry.epoch[0], entry.sequence, entry.bytes[0]])).toEqual([
      [1, 1, 1],
      [1, 2, 2],
      [1, 3, 3],
      [2, 1, 1],
    ]);
    await second.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("keeps its files for their owner only", async () => {
    const spool = open(1);
    spool.append(batch(1, 1));
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o077).toBe(0);
    await spool.close();
  });

  it("hands out again what was released, and only once what was claimed", async () => {
    const spool = open(1);
    const claimed = spool.appendClaimed(batch(1, 1));
    spool.append(batch(1, 2));
    expect(spool.next()?.sequence).toBe(2);
    expect(spool.next()).toBeUndefined();
    spool.release(claimed);
    expect(spool.next()?.sequence).toBe(1);
    expect(spool.next()).toBeUndefined();
    await spool.close();
  });

  it("has in its file what was claimed while it was appended when the turn ends, all of a burst", async () => {
    const spool = open(1);
    for (let sequence = 1; sequence <= 300; sequence++) spool.appendClaimed(batch(1, sequence, 3000));
    await Promise.resolve();
    expect(spool.counters.batchesSpooled).toBe(300);
    const second = open(2, 16 << 20, killedCopy("burst"));
    expect(sequencesOf(takeAll(second).batches)).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
    await Promise.all([spool.close(), second.close()]);
  });

  it("hands out again what was claimed while it was appended and released in the same turn", async () => {
    const spool = open(1);
    const entries = [1, 2, 3].map((sequence) => spool.appendClaimed(batch(1, sequence)));
    spool.release(entries[1]);
    spool.acknowledged(entries[0], nowUs);
    expect(sequencesOf(takeAll(spool).batches)).toEqual([2]);
    await spool.close();
  });

  it("says by an exact gap what a full spool dropped, and stays within its cap", async () => {
    const bytesMax = 1 << 20;
    const count = 3000;
    const spool = open(1, bytesMax);
    for (let sequence = 1; sequence <= count; sequence++) spool.append(batch(1, sequence, 1000));
    expect(segmentsIn(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)).toBeLessThan(
      bytesMax + 1,
    );
    const { batches, gaps } = takeAll(spool);
    const lost = count - batches.length;
    expect(gaps.map((gap) => gap.reason)).toEqual(gaps.map(() => "spool_full"));
    expect(gaps.reduce((sum, gap) => sum + gap.records, 0)).toBe(lost * 10);
    expect(gaps.reduce((sum, gap) => sum + gap.packets, 0)).toBe(lost * 30);
    expect(Math.min(...gaps.map((gap) => gap.firstSequence))).toBe(1);
    expect(Math.max(...gaps.map((gap) => gap.lastSequence))).toBe(lost);
    expect(gaps.length).toBeLessThanOrEqual(8);
    expect(spool.counters.recordsDroppedSpoolFull).toBe(lost * 10);
    await spool.close();
  });

  it("does not count as dropped what was claimed when its file went", async () => {
    const spool = open(1, 1 << 20);
    const claimed = spool.appendClaimed(batch(1, 1, 1000));
    for (let sequence = 2; sequence <= 3000; sequence++) spool.append(batch(1, sequence, 1000));
    spool.release(claimed);
    const { batches, gaps } = takeAll(spool);
    expect(batches.map((entry) => entry.sequence)).toContain(1);
    expect(gaps.reduce((sum, gap) => sum + gap.records, 0)).toBe((3000 - batches.length) * 10);
    await spool.close();
  });

  it("cut at any byte by a kill opens, loses the torn record only and says crash", async () => {
    const running = open(1);
    for (let sequence = 1; sequence <= 4; sequence++) running.append(batch(1, sequence));
    const copy = killedCopy("picket-spool-cut");
    const marker = JSON.parse(readFileSync(join(copy, "running.json"), "utf8")) as { pid: number };
    const [name] = segmentsIn(copy);
    const whole = readFileSync(join(copy, name));
    for (let length = 0; length <= whole.length; length++) {
      writeFileSync(join(copy, "running.json"), JSON.stringify({ ...marker, pid: 999_999_999 }));
      for (const old of segmentsIn(copy)) rmSync(join(copy, old));
      writeFileSync(join(copy, name), whole.subarray(0, length));
      const spool = open(2, 16 << 20, copy);
      const { batches, gaps } = takeAll(spool);
      expect(batches.map((entry) => entry.sequence)).toEqual(
        [1, 2, 3, 4].slice(0, Math.max(0, Math.floor((length - 8) / 164))),
      );
      expect(gaps.map((gap) => [gap.reason, gap.epoch[0]])).toEqual([["crash", 1]]);
      await spool.close();
    }
    rmSync(copy, { recursive: true });
    await running.close();
  });

  it("cut by one kill and left over by a second says crash twice and nothing is corrupt", async () => {
    const running = open(1);
    for (let sequence = 1; sequence <= 4; sequence++) running.append(batch(1, sequence));
    const copy = killedCopy("picket-spool-twice");
    const marker = JSON.parse(readFileSync(join(copy, "running.json"), "utf8")) as { pid: number };
    const dead = JSON.stringify({ ...marker, pid: 999_999_999 });
    const [name] = segmentsIn(copy);
    writeFileSync(join(copy, name), readFileSync(join(copy, name)).subarray(0, 600));
    writeFileSync(join(copy, "running.json"), dead);
    const second = open(2, 16 << 20, copy);
    writeFileSync(join(copy, "running.json"), dead);
    const third = open(3, 16 << 20, copy);
    const { batches, gaps } = takeAll(third);
    expect(sequencesOf(batches)).toEqual([1, 2, 3]);
    expect(gaps.map(({ reason }) => reason)).toEqual(["crash", "crash"]);
    expect(third.counters.spoolRecordsCorrupt).toBe(0);
    await third.close();
    await second.close();
    rmSync(copy, { recursive: true });
    await running.close();
  });

  it("with any bit flipped gives back the other batches and counts the damaged one", async () => {
    const running = open(1);
    for (let sequence = 1; sequence <= 7; sequence++) running.append(batch(1, sequence));
    await running.close();
    const [name] = segmentsIn(folder);
    const whole = readFileSync(join(folder, name));
    for (let at = 8; at < whole.length; at += 1) {
      for (const old of segmentsIn(folder)) rmSync(join(folder, old));
      const flipped = Buffer.from(whole);
      flipped[at] ^= 1 << (at % 8);
      writeFileSync(join(folder, name), flipped);
      const spool = open(2);
      const { batches, gaps } = takeAll(spool);
      const damaged = Math.floor((at - 8) / 164) + 1;
      expect(batches.map((entry) => entry.sequence)).toEqual(
        [1, 2, 3, 4, 5, 6, 7].filter((n) => n !== damaged),
      );
      expect(gaps.map((gap) => gap.reason)).toEqual(["corrupt"]);
      if ((at - 8) % 164 >= 64) expect(gaps[0].records).toBe(10);
      expect(spool.counters.spoolRecordsCorrupt).toBe(1);
      await spool.close();
    }
  });

  it("is refused to a second process while the first one lives", async () => {
    const spool = open(1);
    const marker = JSON.parse(readFileSync(join(folder, "running.json"), "utf8")) as Record<string, unknown>;
    const stat = readFileSync(`/proc/${process.ppid}/stat`, "utf8");
    const startTicks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    writeFileSync(join(folder, "running.json"), JSON.stringify({ ...marker, pid: process.ppid, startTicks }));
    expect(() => open(2)).toThrow(/in use by process/);
    await spool.close();
  });

  it("in a folder that cannot be made is refused with its name", async () => {
    const parent = join(folder, "file");
    writeFileSync(parent, "");
    expect(() => open(1, 16 << 20, join(parent, "spool"))).toThrow(/cannot be used/);
  });
});

describe("acknowledged batches of a disk spool", () => {
  it("stay on disk until they are applied, and are not handed out", async () => {
    const spool = open(1);
    for (const sequence of [1, 2, 3]) spool.append(batch(1, sequence));
    expect(sequencesOf(acknowledgeAll(spool))).toEqual([1, 2, 3]);
    expect(spool.next()).toBeUndefined();
    expect(spool.counters.acknowledgedItems).toBe(3);
    spool.applied(epochOf(1), 2);
    await spool.close();
    expect(segmentsIn(folder)).toHaveLength(1);

    const second = open(2);
    expect(sequencesOf(acknowledgeAll(second))).toEqual([1, 2, 3]);
    second.applied(epochOf(2), 3);
    expect(segmentsIn(folder)).toHaveLength(1);
    second.applied(epochOf(1), 3);
    expect(segmentsIn(folder)).toEqual([]);
    await second.close();
  });

  it("are sent again once when the stream may have lost them, and known as such", async () => {
    const spool = open(1);
    for (const sequence of [1, 2, 3, 4]) spool.append(batch(1, sequence));
    acknowledgeAll(spool);
    spool.append(batch(1, 5));
    const inFlight = spool.next();
    spool.resend();
    const again = acknowledgeAll(spool);
    expect(again.map((entry) => [entry.sequence, entry.isResent])).toEqual(
      [1, 2, 3, 4].map((sequence) => [sequence, true]),
    );
    expect(inFlight).toMatchObject({ sequence: 5, isResent: false });
    if (inFlight !== undefined) spool.acknowledged(inFlight, nowUs);
    spool.applied(epochOf(1), 3);
    spool.resend();
    expect(sequencesOf(acknowledgeAll(spool))).toEqual([4, 5]);
    spool.applied(epochOf(1), 5);
    spool.resend();
    await spool.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("expire by time, gaps as well", async () => {
    const spool = open(1);
    spool.append(batch(1, 1));
    spool.append({ ...batch(1, 0), kind: "gap" });
    acknowledgeAll(spool, nowUs + 10);
    spool.applied(epochOf(1), 9);
    expect(spool.counters.acknowledgedItems).toBe(2);
    spool.expire(nowUs + 10);
    expect(spool.counters.acknowledgedItems).toBe(2);
    spool.expire(nowUs + 11);
    expect(spool.counters.acknowledgedItems).toBe(0);
    spool.resend();
    expect(spool.next()).toBeUndefined();
    await spool.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("go before anything else in a full spool, counted and without a gap", async () => {
    const spool = open(1, 1 << 20);
    for (let sequence = 1; sequence <= 400; sequence++) spool.append(batch(1, sequence, 1000));
    acknowledgeAll(spool);
    const waiting = 700;
    for (let sequence = 401; sequence <= 400 + waiting; sequence++) spool.append(batch(1, sequence, 1000));
    expect(spool.counters.acknowledgedDropped).toBeGreaterThan(100);
    expect(spool.counters.recordsDroppedSpoolFull).toBe(0);
    const { batches, gaps } = takeAll(spool);
    expect(gaps).toEqual([]);
    expect(sequencesOf(batches)).toEqual(Array.from({ length: waiting }, (_, i) => 401 + i));
    await spool.close();
  });

  it("that wait to be sent again are dropped without a gap, too", async () => {
    const spool = open(1, 1 << 20);
    for (let sequence = 1; sequence <= 400; sequence++) spool.append(batch(1, sequence, 1000));
    acknowledgeAll(spool);
    spool.resend();
    for (let sequence = 401; sequence <= 1100; sequence++) spool.append(batch(1, sequence, 1000));
    const { gaps } = takeAll(spool);
    expect(gaps).toEqual([]);
    expect(spool.counters.acknowledgedDropped).toBeGreaterThan(100);
    await spool.close();
  });

  it("behind a hole in the file are sent again without counting the hole twice", async () => {
    const first = open(1);
    for (let sequence = 1; sequence <= 4; sequence++) first.append(batch(1, sequence));
    await first.close();
    const path = join(folder, segmentsIn(folder)[0]);
    const bytes = readFileSync(path);
    bytes[8 + 164 + 4] ^= 1;
    writeFileSync(path, bytes);
    const spool = open(2);
    const gapsAndBatches = acknowledgeAll(spool);
    expect(gapsAndBatches.filter(({ kind }) => kind === "gap")).toHaveLength(1);
    spool.resend();
    expect(acknowledgeAll(spool)).toHaveLength(4);
    expect(spool.counters.spoolRecordsCorrupt).toBe(1);
    await spool.close();
  });

  it("of the last half minute only wait beside one that is not applied", async () => {
    let clockUs = nowUs;
    const spool = DiskSpool.open({
      folder,
      bytesMax: 16 << 20,
      memoryBytesMax: 1 << 20,
      epoch: epochOf(1),
      nowUs: () => clockUs,
    });
    for (let sequence = 1; sequence <= 100; sequence++, clockUs += 2_000_000) {
      spool.append(batch(1, sequence));
      acknowledgeAll(spool);
      spool.applied(epochOf(1), sequence - 1);
      expect(spool.counters.acknowledgedItems).toBeLessThanOrEqual(17);
    }
    expect(segmentsIn(folder).length).toBeLessThanOrEqual(2);
    await spool.close();
  });
});
