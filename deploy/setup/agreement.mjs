// npm run agreement: sets up the peers and compares every flow with theirs.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

import { build } from "./build.mjs";
import { install, root } from "./node-modules.mjs";
import { installMissing } from "./packages.mjs";
import { agreementPeers } from "./prerequisites.mjs";

process.exitCode = run();

function run() {
  const lacking = installMissing(agreementPeers);
  if (lacking !== undefined) {
    process.stderr.write(`picket: the comparison cannot run: ${lacking}\n`);
    return 2;
  }
  install(false);
  build();
  const main = join(root, "test", "dist", "agreement", "main.js");
  return spawnSync(process.execPath, [main], { cwd: root, stdio: "inherit" }).status ?? 1;
}
