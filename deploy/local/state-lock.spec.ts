import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { lockState } from "./state-lock.js";

describe("the lock of a state folder", () => {
  let root = "";
  let folder = "";
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "picket-lock-"));
    folder = join(root, "state");
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("makes the folder for its owner alone and is given back", async () => {
    const release = await lockState(folder);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    await release();
    expect(existsSync(join(folder, "lock"))).toBe(false);
  });

  it("refuses while another process holds it, and takes over when that is gone", async () => {
    await (
      await lockState(folder)
    )();
    const other = spawn(process.execPath, ["-e", "process.stdin.resume()"], {
      stdio: ["pipe", "ignore", "ignore"],
    });
    writeFileSync(join(folder, "lock"), String(other.pid));
    await expect(lockState(folder)).rejects.toThrow(`is in use by picket process ${other.pid}`);
    other.kill("SIGKILL");
    await new Promise((resolve) => other.on("exit", resolve));
    await (
      await lockState(folder)
    )();
  });

  it("takes over a lock that names no process", async () => {
    await (
      await lockState(folder)
    )();
    writeFileSync(join(folder, "lock"), "noise");
    await (
      await lockState(folder)
    )();
  });

  it("says that a folder cannot be used", async () => {
    writeFileSync(join(root, "file"), "");
    await expect(lockState(join(root, "file", "state"))).rejects.toThrow("the state folder cannot be used");
  });
});
