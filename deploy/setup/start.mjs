// npm start: sets up what is missing, builds, and runs `picket up`.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

import { build } from "./build.mjs";
import { install } from "./node-modules.mjs";
import { installMissing } from "./packages.mjs";
import { captureBuild } from "./prerequisites.mjs";
import { canSudo, isRoot } from "./privilege.mjs";

const bin = fileURLToPath(new URL("../picket/bin.mjs", import.meta.url));
const demoHint = "see it work without any privilege: npm start -- --demo";

try {
  await start(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`picket: ${error.message}\n`);
  process.exitCode = 2;
}

async function start(args) {
  const captures = !args.some((arg) => ["--demo", "--help", "-h", "--print-config", "--check"].includes(arg));
  if (captures && !isRoot() && !canSudo()) {
    throw new Error(`capturing needs root or sudo without a password; ${demoHint}`);
  }
  const lacking = captures ? installMissing(captureBuild) : undefined;
  if (lacking !== undefined) throw new Error(`live capture cannot be built: ${lacking}; ${demoHint}`);
  install(captures);
  build();
  if (captures && !isRoot()) return runAsRoot(args);
  const { main } = await import(new URL("../dist/picket/main.js", import.meta.url).href);
  process.exitCode = await main(["up", ...args]);
}

/** Runs the built command through sudo; it stops by the terminal's own signals. */
function runAsRoot(args) {
  const child = spawn("sudo", ["-n", process.execPath, bin, "up", ...args], { stdio: "inherit" });
  process.on("SIGINT", () => undefined);
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  return new Promise((resolve) => {
    child.on("exit", (code) => {
      process.exitCode = code ?? 1;
      resolve();
    });
  });
}
