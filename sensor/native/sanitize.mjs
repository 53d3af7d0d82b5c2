// npm run sanitize: the addon under AddressSanitizer and UBSan, with every test
// of the ring and with block and packet headers full of garbage. Exit 1 for the
// first finding; needs g++ and, for live rings, root.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL(".", import.meta.url));
const root = join(folder, "../..");
const sources = ["addon.cc", "confinement.cc", "packet-filter.cc", "packet-ring.cc"];
const flags =
  "-shared -fPIC -std=c++17 -O1 -g -fno-omit-frame-pointer -Wall -Wextra -Wno-missing-field-initializers " +
  "-D_GLIBCXX_ASSERTIONS -DNAPI_VERSION=8 -DNODE_GYP_MODULE_NAME=ring -DBUILDING_NODE_EXTENSION " +
  "-fsanitize=address,undefined -fno-sanitize-recover=all";
const specs = ["integration/sensor-ring", "fuzz/ring"];

const work = mkdtempSync(join(tmpdir(), "picket-sanitize-"));
try {
  process.exitCode = main();
} finally {
  rmSync(work, { recursive: true });
}

function main() {
  const addon = join(work, "ring.node");
  const headers = join(dirname(dirname(realpathSync(process.execPath))), "include", "node");
  const include = process.env.npm_config_nodedir
    ? join(process.env.npm_config_nodedir, "include/node")
    : headers;
  if (!existsSync(join(include, "node_api.h")))
    return fail(`no node_api.h in ${include}: set npm_config_nodedir`);
  const inputs = sources.map((name) => join(folder, name));
  const built = run(
    "g++",
    [...flags.split(" "), `-I${include}`, ...inputs, "-lpcap", "-o", addon],
    process.env,
  );
  if (built !== 0) return fail("the addon does not build under the sanitizers");
  const library = spawnSync("g++", ["-print-file-name=libasan.so"], { encoding: "utf8" }).stdout.trim();
  const env = {
    ...process.env,
    LD_PRELOAD: realpathSync(library),
    PICKET_SANITIZED_RING: addon,
    NODE_OPTIONS: `--require ${join(folder, "use-sanitized.cjs")}`,
    UBSAN_OPTIONS: "print_stacktrace=1:halt_on_error=1",
  };
  const strict = "detect_stack_use_after_return=1:strict_string_checks=1";
  const leaks = { ...env, ASAN_OPTIONS: `${strict}:detect_leaks=1` };
  if (run(process.execPath, [join(folder, "sanitize-leaks.cjs")], leaks) !== 0)
    return fail("opening and failing");
  // Other programs and addons that tests run do leak; they are not asked.
  const tests = { ...env, ASAN_OPTIONS: `${strict}:detect_leaks=0` };
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  if (run(process.execPath, [vitest, "run", "--project", "test", ...specs], tests) !== 0)
    return fail("the tests");
  process.stdout.write("sanitize: clean\n");
  return 0;
}

function run(program, options, env) {
  return spawnSync(program, options, { cwd: root, stdio: ["ignore", "inherit", "inherit"], env }).status ?? 1;
}

function fail(what) {
  process.stderr.write(`sanitize: failed: ${what}\n`);
  return 1;
}
