// Keeps node_modules equal to package-lock.json.
import { spawnSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root folder. */
export const root = fileURLToPath(new URL("../..", import.meta.url));
const modules = join(root, "node_modules");
const ring = join(root, "sensor", "native");

/** True when what is installed is what the lock file says. */
export function isInstalled() {
  const installed = readPackages(join(modules, ".package-lock.json"));
  const wanted = readPackages(join(root, "package-lock.json"));
  return Object.entries(wanted).every(([path, entry]) => isSatisfied(path, entry, installed));
}

function isSatisfied(path, entry, installed) {
  if (path === "" || !path.includes("node_modules/")) return true;
  const found = installed[path];
  if (found === undefined)
    return entry.optional === true || entry.devOptional === true || entry.peer === true;
  return found.version === entry.version;
}

function readPackages(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).packages : {};
}

/** True when npm cap was built for this Node version. */
export function hasCapture() {
  const probe = spawnSync(process.execPath, ["-e", "require('cap')"], {
    cwd: join(root, "sensor"),
    stdio: "ignore",
  });
  return probe.status === 0;
}

/** True when the capture ring's addon was built from the sources that are here. */
function hasRing() {
  const changed = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const built = changed(join(ring, "build", "Release", "ring.node"));
  const sources = readdirSync(ring).filter((name) => /\.(cc|h|gyp)$/.test(name));
  return sources.every((name) => changed(join(ring, name)) <= built);
}

/**
 * Installs by the lock file when anything differs.
 * @param withCapture false leaves npm cap unbuilt: nothing is going to be captured
 */
export function install(withCapture) {
  if (!isInstalled()) {
    process.stderr.write("setup: npm ci\n");
    npm(withCapture ? ["ci"] : ["ci", "--ignore-scripts"]);
  }
  if (withCapture && !hasCapture()) {
    process.stderr.write("setup: building npm cap\n");
    npm(["rebuild", "cap"]);
  }
  if (withCapture && !hasRing()) {
    process.stderr.write("setup: building the capture ring\n");
    const env = { ...process.env, ...localHeaders() };
    spawnSync(process.execPath, [join(ring, "build.mjs")], { stdio: ["ignore", "ignore", "inherit"], env });
  }
  linkCommand();
}

function npm(args) {
  const result = spawnSync("npm", [...args, "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
    env: { ...process.env, ...localHeaders() },
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.status === 0) return;
  const reasons = (result.stderr ?? "").split("\n").filter((line) => line.startsWith("npm error"));
  process.stderr.write(`${reasons.slice(0, 12).join("\n")}\n`);
  throw new Error(`npm ${args.join(" ")} failed`);
}

/** Node's own headers, where they are installed with it: then node-gyp downloads none. */
function localHeaders() {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  const file = join(prefix, "include", "node", "node_version.h");
  if (process.env.npm_config_nodedir !== undefined || !existsSync(file)) return {};
  const major = /NODE_MAJOR_VERSION (\d+)/.exec(readFileSync(file, "utf8"))?.[1];
  return major === process.versions.node.split(".")[0] ? { npm_config_nodedir: prefix } : {};
}

/** `npx picket` runs this command and never asks a registry. */
function linkCommand() {
  const link = join(modules, ".bin", "picket");
  if (lstatSync(link, { throwIfNoEntry: false }) !== undefined) return;
  mkdirSync(join(modules, ".bin"), { recursive: true });
  symlinkSync("../../deploy/picket/bin.mjs", link);
}
