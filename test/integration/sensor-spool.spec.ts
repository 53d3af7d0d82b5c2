import { execFileSync, spawn } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeGap } from "@picket/sensor/export/gap-codec.js";
import { DiskSpool } from "@picket/sensor/export/disk-spool.js";
import type { Gap } from "@picket/sensor/export/gap.js";
import type { SpoolItem } from "@picket/sensor/export/spool.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { temporaryFolder, waitUntil } from "./sensor-harness.js";

const isRoot = process.platform === "linux" && process.getuid?.() === 0;
if (!isRoot) process.stderr.write("sensor-spool: skipped, needs root to mount a small tmpfs\n");

const epoch = new Uint8Array(16).fill(3);

function batch(sequence: number): SpoolItem {
  const totals = { records: 1, packets: 2, bytes: 100, fromUs: 1, toUs: 2 };
  return { kind: "batch", epoch, sequence, bytes: new Uint8Array(10_000), totals };
}

describe.skipIf(!isRoot)("a spool on a full disk", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let spool: DiskSpool;

  beforeEach(() => {
    folder = temporaryFolder();
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder.path]);
  });

  afterEach(async () => {
    await spool.close();
    execFileSync("umount", [folder.path]);
    folder.remove();
  });

  function open(): void {
    const nowUs = () => Date.now() * 1000;
    const options = { bytesMax: 64 << 20, memoryBytesMax: 1 << 20, epoch, nowUs };
    spool = DiskSpool.open({ ...options, folder: join(folder.path, "spool") });
  }

  /** Takes everything out and tells what came: batches, and records that gaps speak of. */
  function takeAll(): { sequences: number[]; lost: number } {
    const sequences: number[] = [];
    let lost = 0;
    for (let entry = spool.next(); entry !== undefined; entry = spool.next()) {
      if (entry.kind === "batch") sequences.push(entry.sequence);
      else lost += decodeGap(entry.bytes)?.records ?? 0;
      spool.delivered(entry);
    }
    return { sequences, lost };
  }

  it("goes on in memory, says so, and accounts for what did not fit there", () => {
    open();
    for (let sequence = 1; sequence <= 400; sequence++) spool.append(batch(sequence));
    expect(spool.fault).toMatch(/ENOSPC/);
    const { sequences, lost } = takeAll();
    expect(sequences.length + lost).toBe(400);
    expect(lost).toBeGreaterThan(0);
    expect(new Set(sequences).size).toBe(sequences.length);
  });

  it("uses the disk again within 10 s of space", async () => {
    const ballast = join(folder.path, "ballast");
    writeFileSync(ballast, new Uint8Array(900_000));
    open();
    for (let sequence = 1; sequence <= 60; sequence++) spool.append(batch(sequence));
    expect(spool.fault).toBeDefined();
    rmSync(ballast);
    await waitUntil(
      "the disk",
      () => spool.fault === undefined && spool.counters.spoolMemoryItems === 0,
      10_000,
    );
    expect(takeAll().sequences.sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
  });
});

describe("a spool whose process is killed", () => {
  const dist = fileURLToPath(new URL("../../sensor/dist", import.meta.url));
  const program = `
    import { DiskSpool } from "${dist}/export/disk-spool.js";
    const epoch = new Uint8Array(16).fill(Number(process.argv[2]));
    const totals = { records: 1, packets: 2, bytes: 100, fromUs: 1, toUs: 2 };
    const options = { bytesMax: 512 << 20, memoryBytesMax: 1 << 20, epoch, nowUs: () => Date.now() * 1000 };
    const spool = DiskSpool.open({ ...options, folder: process.argv[1] });
    let sequence = 0;
    function append() {
      for (let i = 0; i < 20; i++) {
        const bytes = new Uint8Array(100 + ((++sequence * 37) % 3000)).fill(sequence & 255);
        const item = { kind: "batch", epoch, sequence, bytes, totals };
        if (sequence % 7 === 0) spool.append(item);
        else spool.appendClaimed(item);
      }
      queueMicrotask(() => process.stdout.write(sequence + "\\n"));
      setImmediate(append);
    }
    append();`;

  const options = { bytesMax: 512 << 20, memoryBytesMax: 1 << 20, epoch, nowUs: () => Date.now() * 1000 };
  const kills = Number(process.env["PICKET_SPOOL_KILLS"] ?? 8);
  const killsOfFolder = 8;

  /** Writes from a process of its own and kills it; resolves to the last sequence it said and when it died. */
  async function writeUntilKilled(folder: string, run: number): Promise<{ last: number; killedUs: number }> {
    const command = ["--input-type=module", "-e", program, folder, String(run)];
    const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "inherit"] });
    let last = 0;
    child.stdout.on("data", (chunk: Buffer) => (last = Number(chunk.toString().trim().split("\n").at(-1))));
    const stopAt = 20 * (1 + ((run * 7919) % 97));
    await waitUntil("something written", () => last >= stopAt);
    child.kill("SIGKILL");
    const killedUs = Date.now() * 1000;
    await new Promise((resolve) => child.once("close", resolve));
    return { last, killedUs };
  }

  it(
    "opens at once, gives back all that was written and says crash, time after time",
    async () => {
      for (let killed = 0; killed < kills; killed += killsOfFolder) {
        const folder = temporaryFolder();
        const runs: { last: number; killedUs: number }[] = [];
        for (let run = 1; run <= killsOfFolder; run++)
          runs.push(await writeUntilKilled(folder.path, run + killed));
        const startMs = performance.now();
        const spool = DiskSpool.open({ ...options, folder: folder.path });
        expect(performance.now() - startMs).toBeLessThan(1000);
        const sequences = new Map<number, number[]>();
        const crashes: Gap[] = [];
        for (let entry = spool.next(); entry !== undefined; entry = spool.next()) {
          const gap = entry.kind === "gap" ? decodeGap(entry.bytes) : undefined;
          if (gap !== undefined) crashes.push(gap);
          else sequences.set(entry.epoch[0], [...(sequences.get(entry.epoch[0]) ?? []), entry.sequence]);
          spool.delivered(entry);
        }
        await spool.close();
        expect(crashes.map(({ reason }) => reason).join()).toEqual(runs.map(() => "crash").join());
        expect(spool.counters.spoolRecordsCorrupt).toBe(0);
        runs.forEach(({ last, killedUs }, i) => {
          const found = sequences.get((i + 1 + killed) & 255) ?? [];
          expect(found.length).toBeGreaterThanOrEqual(last);
          expect(found).toEqual(found.map((_, at) => at + 1));
          const { fromUs, toUs } = crashes[i];
          expect(fromUs).toBeLessThanOrEqual(killedUs);
          expect(fromUs).toBeGreaterThan(killedUs - 2_000_000);
          expect(toUs).toBeGreaterThanOrEqual(killedUs);
        });
        folder.remove();
      }
    },
    60_000 + kills * 1000,
  );
});
