// npm test: sets up what is missing and runs every check and test. The last
// line is "N passed, N failed"; the exit code is 0 only when nothing failed.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { install, root } from "./node-modules.mjs";
import { installMissing } from "./packages.mjs";
import { captureBuild, testServers, testTools } from "./prerequisites.mjs";
import { asRoot } from "./privilege.mjs";

const folder = mkdtempSync(join(tmpdir(), "picket-test-"));
const report = join(folder, "vitest.json");
const tool = (name) => join(root, "node_modules", ".bin", name);
const nx = (target) => [tool("nx"), "run-many", "-t", target, "--outputStyle=static"];
/** The capture ring's addon under AddressSanitizer and UBSan. */
const sanitizers = {
  name: "sanitizers",
  command: [process.execPath, join(root, "sensor/native/sanitize.mjs")],
};
let child;
let stopped = false;

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    stopped = true;
    child?.kill(signal);
  });
}

process.exitCode = await run();
rmSync(folder, { recursive: true, force: true });

async function run() {
  const lacking = setUp();
  if (lacking !== undefined) {
    process.stderr.write(`picket: the tests cannot run: ${lacking}\n`);
    return 2;
  }
  const total = { passed: 0, failed: 0 };
  for (const step of steps()) {
    if (stopped) break;
    const result = await runStep(step);
    total.passed += result.passed;
    total.failed += result.failed;
  }
  process.stdout.write(`\n${total.passed} passed, ${total.failed} failed\n`);
  return total.failed === 0 && !stopped ? 0 : 1;
}

/** Returns one line that says what is missing and cannot be installed. */
function setUp() {
  const lacking = installMissing([...captureBuild, ...testServers, ...testTools]);
  if (lacking !== undefined) return lacking;
  try {
    install(true);
    return undefined;
  } catch (error) {
    return error.message;
  }
}

/** Every step in order: what it is called, its command, and where it counts its tests. */
function steps() {
  const list = [
    { name: "format", command: [tool("oxfmt"), "--check", "."] },
    { name: "build", command: nx("build") },
    { name: "lint", command: nx("lint") },
    { name: "typecheck", command: nx("typecheck") },
    { name: "wire compatibility", command: [tool("nx"), "run", "proto:breaking", "--outputStyle=static"] },
    {
      name: "unit and integration tests",
      command: [
        tool("vitest"),
        "run",
        "--reporter=default",
        "--reporter=json",
        `--outputFile.json=${report}`,
      ],
      counts: report,
    },
    ...(process.platform === "linux" ? [sanitizers] : []),
  ];
  const lab = join(root, "test", "dist", "lab", "main.js");
  if (!existsSync(join(root, "test", "lab", "main.ts"))) return list;
  const command = asRoot([process.execPath, lab]);
  if (command === undefined) process.stderr.write("picket: the lab is left out: it needs root or sudo -n\n");
  else list.push({ name: "lab", command });
  return list;
}

async function runStep(step) {
  process.stdout.write(`\n== ${step.name}\n`);
  const code = await execute(step.command);
  const counted = step.counts === undefined ? undefined : readCounts(step.counts);
  if (counted !== undefined && (counted.failed > 0 || code === 0)) return counted;
  if (code !== 0) process.stdout.write(`${step.name} failed (exit ${code})\n`);
  return { passed: (counted?.passed ?? 0) + (code === 0 ? 1 : 0), failed: code === 0 ? 0 : 1 };
}

function execute(command) {
  // The build comes first: the tests of the whole take what it made.
  const env = { ...process.env, NX_DAEMON: "false", NX_TUI: "false", PICKET_TEST_BUILT: "1" };
  child = spawn(command[0], command.slice(1), { cwd: root, stdio: ["ignore", "inherit", "inherit"], env });
  return new Promise((resolve) => {
    child.on("error", () => resolve(127));
    child.on("exit", (code) => resolve(code ?? 1));
  });
}

/** Tests that passed and failed; a file that could not be loaded is one failure. */
function readCounts(file) {
  if (!existsSync(file)) return undefined;
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(file, "utf8"));
  const isBroken = (each) =>
    each.status === "failed" && each.assertionResults.every((test) => test.status !== "failed");
  return { passed: numPassedTests, failed: numFailedTests + testResults.filter(isBroken).length };
}
