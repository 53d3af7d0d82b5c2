import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Why no disk can be mounted here; undefined when one can. */
export const noLimitedDisk: string | undefined =
  process.platform === "linux" && process.getuid?.() === 0
    ? undefined
    : "mounting a disk needs root on Linux";

const fillerName = "filler";
const fillBytes = 64 * 1024;

/** A file system in memory with so much room and no more, which can be filled up and made read-only. */
export class LimitedDisk {
  private constructor(
    /** Its folder. */
    readonly path: string,
  ) {}

  /** Mounts one; the caller unmounts it. Throws the words of `mount` when it may not. */
  static mount(bytesMax: number): LimitedDisk {
    const path = mkdtempSync(join(tmpdir(), "picket-disk-"));
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", `size=${bytesMax},mode=0700`, "tmpfs", path], {
        stdio: "pipe",
      });
    } catch (error) {
      rmdirSync(path);
      throw error;
    }
    return new LimitedDisk(path);
  }

  /** Writes a file that takes all the room left; returns its bytes. */
  fill(): number {
    const file = openSync(join(this.path, fillerName), "a", 0o600);
    let bytes = 0;
    try {
      for (let size = fillBytes; size > 0;) {
        try {
          bytes += writeSync(file, Buffer.alloc(size));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
          size = Math.floor(size / 2);
        }
      }
    } finally {
      closeSync(file);
    }
    return bytes;
  }

  /** Takes the filler away again. */
  free(): void {
    rmSync(join(this.path, fillerName), { force: true });
  }

  /** Throws while somebody has a file open for writing, as `mount` does. */
  setReadOnly(isReadOnly: boolean): void {
    execFileSync("mount", ["-o", `remount,${isReadOnly ? "ro" : "rw"}`, this.path], { stdio: "pipe" });
  }

  /** Also while files on it are open: they go on until they are closed. */
  unmount(): void {
    execFileSync("umount", ["-l", this.path], { stdio: "pipe" });
    rmdirSync(this.path);
  }
}
