import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LimitedDisk, noLimitedDisk } from "./limited-disk.js";

if (noLimitedDisk !== undefined) process.stderr.write(`limited-disk: skipped, ${noLimitedDisk}\n`);

describe.skipIf(noLimitedDisk !== undefined)("a disk of 1 MiB", () => {
  let disk: LimitedDisk;
  let file: string;

  beforeEach(() => {
    disk = LimitedDisk.mount(1 << 20);
    file = join(disk.path, "a");
    writeFileSync(file, "kept");
  });

  afterEach(() => disk.unmount());

  it("takes nothing more when it was filled, and does again when it was freed", () => {
    expect(disk.fill()).toBeGreaterThan(900_000);
    expect(() => appendFileSync(file, Buffer.alloc(8192))).toThrow(/ENOSPC/);
    disk.free();
    appendFileSync(file, Buffer.alloc(8192));
  });

  it("takes nothing while it is read-only", () => {
    disk.setReadOnly(true);
    expect(() => appendFileSync(file, "x")).toThrow(/EROFS/);
    expect(readFileSync(file, "utf8")).toBe("kept");
    disk.setReadOnly(false);
    appendFileSync(file, "x");
  });
});
