// Builds every project; quiet unless something fails.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

import { root } from "./node-modules.mjs";

/** Builds by Nx; unchanged projects come from its cache. Throws with the compiler's output on stderr. */
export function build() {
  process.stderr.write("setup: building\n");
  const nx = join(root, "node_modules", ".bin", "nx");
  const result = spawnSync(nx, ["run-many", "-t", "build", "--outputStyle=static"], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, NX_DAEMON: "false", NX_TUI: "false", FORCE_COLOR: "0" },
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.status === 0) return;
  process.stderr.write(`${result.stdout ?? ""}${result.stderr ?? ""}`);
  throw new Error("the build failed");
}
