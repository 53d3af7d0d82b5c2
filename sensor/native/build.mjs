// Builds the capture ring's addon. Never fails an installation: without it the
// sensor captures through npm cap, and says so.
import { spawnSync } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL(".", import.meta.url));
const advice = "the sensor will capture through npm cap";

const reason = build();
if (reason !== undefined) process.stderr.write(`capture ring: not built (${reason}); ${advice}\n`);

/** Returns in one line why there is no addon, or undefined. */
function build() {
  if (process.platform !== "linux") return `no AF_PACKET on ${process.platform}`;
  const nodeGyp = nodeGypFile();
  if (nodeGyp === undefined) return "node-gyp is not installed with npm";
  const result = spawnSync(process.execPath, [nodeGyp, "rebuild", "--loglevel=error"], {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, ...localHeaders() },
  });
  return result.status === 0 ? undefined : reasonIn(`${result.stdout ?? ""}${result.stderr ?? ""}`);
}

/** The node-gyp that npm runs, or the one that comes with it. */
function nodeGypFile() {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  const candidates = [
    process.env.npm_config_node_gyp,
    join(prefix, "lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js"),
    join(prefix, "share/nodejs/node-gyp/bin/node-gyp.js"),
  ];
  return candidates.find((each) => each !== undefined && existsSync(each));
}

/** Node's own headers, where they are installed with it: then node-gyp downloads none. */
function localHeaders() {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  if (process.env.npm_config_nodedir !== undefined) return {};
  return existsSync(join(prefix, "include/node/node_api.h")) ? { npm_config_nodedir: prefix } : {};
}

/** The first line that names an error. */
function reasonIn(output) {
  const lines = output.split("\n").map((line) => line.trim());
  return lines.find((line) => /error|not found/i.test(line)) ?? "node-gyp failed";
}
