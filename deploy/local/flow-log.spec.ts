import { appendFile, mkdtemp, readdir, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { FlowLog } from "./flow-log.js";

const startMs = Date.now();

describe("the flow log", () => {
  let root = "";
  let folder = "";
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "picket-flow-log-"));
    folder = join(root, "flows");
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const batch = (value: number, bytes = 100): Uint8Array => new Uint8Array(bytes).fill(value);
  const values = async (log: FlowLog, fromMs = 0): Promise<number[]> => {
    const read: number[] = [];
    for await (const entry of log.read(fromMs)) read.push(entry.bytes[0]);
    return read;
  };

  it("gives back what was stored, after a restart too, in order", async () => {
    const log = await FlowLog.open({ folder }, startMs);
    for (let i = 0; i < 5; i++) log.append(`sensor-${i}`, startMs + i, batch(i));
    expect(await values(log)).toEqual([0, 1, 2, 3, 4]);
    await log.close();
    const again = await FlowLog.open({ folder }, startMs);
    again.append("late", startMs + 5, batch(5));
    expect(await values(again)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await values(again, startMs + 4)).toEqual([4, 5]);
    await again.close();
  });

  it("reads the newest records where not all may be read", async () => {
    const log = await FlowLog.open({ folder, segmentBytesMax: 1000 }, startMs);
    for (let i = 0; i < 40; i++) log.append("a", startMs + i, batch(i));
    const all = await values(log);
    const newest: number[] = [];
    for await (const entry of log.read(0, 2500)) newest.push(entry.bytes[0]);
    await log.close();
    expect(newest.length).toBeGreaterThan(8);
    expect(newest.length).toBeLessThan(25);
    expect(newest).toEqual(all.slice(-newest.length));
  });

  it("keeps files to their owner", async () => {
    const log = await FlowLog.open({ folder }, startMs);
    log.append("a", startMs, batch(1));
    await log.close();
    const [name] = await readdir(folder);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
  });

  it("drops the oldest segment when it is full", async () => {
    const log = await FlowLog.open({ folder, bytesMax: 3000, segmentBytesMax: 1000 }, startMs);
    for (let i = 0; i < 40; i++) log.append("a", startMs + i, batch(i));
    const kept = await values(log);
    await log.close();
    expect(kept[kept.length - 1]).toBe(39);
    expect(kept.length).toBeLessThan(40);
    expect(log.counters.segmentsDropped).toBeGreaterThan(0);
    const sizes = await Promise.all(
      (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size),
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(3000);
  });

  it("drops what is too old at the start", async () => {
    const log = await FlowLog.open({ folder }, startMs);
    log.append("a", startMs, batch(1));
    await log.close();
    const later = await FlowLog.open({ folder, ageMaxMs: 1000 }, startMs + 60_000);
    expect(await values(later)).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
    await later.close();
  });

  it("reads up to an end that is torn or foreign", async () => {
    const log = await FlowLog.open({ folder }, startMs);
    for (let i = 0; i < 3; i++) log.append("a", startMs + i, batch(i));
    await log.close();
    const file = join(folder, (await readdir(folder))[0]);
    await truncate(file, (await stat(file)).size - 1);
    const torn = await FlowLog.open({ folder }, startMs);
    expect(await values(torn)).toEqual([0, 1]);
    await appendFile(file, "noise that is no entry at all");
    expect(await values(torn)).toEqual([0, 1]);
    await torn.close();
  });

  it("leaves out and counts what waits for the disk beyond its bound", async () => {
    const log = await FlowLog.open({ folder, queueBytesMax: 300 }, startMs);
    for (let i = 0; i < 10; i++) log.append("a", startMs, batch(i));
    await log.close();
    expect(log.counters.batchesLeftOut).toBe(8);
    expect(log.counters.batchesWritten).toBe(2);
  });
});
