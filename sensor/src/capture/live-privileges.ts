import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** CAP_NET_RAW of linux/capability.h: all a meter needs. */
const netRaw = 1n << 13n;
const setprivFiles = ["/usr/bin/setpriv", "/bin/setpriv"];
const probeMaxMs = 5000;
/** Root may read and write everything, root without privileges may not. */
const probeScript = `
  const { accessSync, constants, readFileSync } = require("node:fs");
  for (const word of process.argv.slice(1)) accessSync(word.slice(1), constants[word[0] + "_OK"]);
  process.stdout.write(readFileSync("/proc/self/status", "utf8"));`;

/** Nothing but CAP_NET_RAW, and no way to get more by running another program. */
const keepNetRaw = ["--inh-caps=-all,+net_raw", "--ambient-caps=-all,+net_raw", "--no-new-privs"];
/** The same for whatever is started from there; some containers refuse it. */
const boundNetRaw = "--bounding-set=-all,+net_raw";

/** What a program that may only capture must still reach. */
export interface NeededFiles {
  readonly read: readonly string[];
  readonly write: readonly string[];
}

/** A command in front of another one, or why there is none. */
export type CaptureOnlyPrefix =
  | { readonly kind: "prefix"; readonly command: readonly string[] }
  /** Nothing to take away, or not a Linux that says so. */
  | { readonly kind: "needless" }
  | { readonly kind: "impossible"; readonly reason: string };

/** Sets of capabilities as in /proc/PID/status; undefined where the system does not say. */
export function readCapabilities(status: string): { effective: bigint; permitted: bigint } | undefined {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  const permitted = /^CapPrm:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  if (effective === undefined || permitted === undefined) return undefined;
  return { effective: BigInt(`0x${effective}`), permitted: BigInt(`0x${permitted}`) };
}

/** Whether this process may do more than capture. */
export function holdsMoreThanCapture(status: string = ownStatus()): boolean {
  const held = readCapabilities(status);
  return held !== undefined && (held.permitted & ~netRaw) !== 0n;
}

/**
 * How to start a program that may capture and nothing else: by util-linux's
 * setpriv, tried once. An ordinary user's program has no more to begin with.
 */
export function captureOnlyPrefix(files: NeededFiles, options: readonly string[] = []): CaptureOnlyPrefix {
  if (!holdsMoreThanCapture()) return { kind: "needless" };
  const setpriv = setprivFiles.find((file) => existsSync(file));
  if (setpriv === undefined) return { kind: "impossible", reason: "setpriv of util-linux is missing" };
  let reason = "";
  for (const flags of [[boundNetRaw, ...keepNetRaw], keepNetRaw]) {
    const command = [setpriv, ...flags, ...options];
    const failure = probe(command, files);
    if (failure === undefined) return { kind: "prefix", command };
    reason = failure;
  }
  return { kind: "impossible", reason };
}

/** Why nothing can be started so, in one line. */
function probe(prefix: readonly string[], files: NeededFiles): string | undefined {
  const words = [...files.read.map((file) => `R${file}`), ...files.write.map((file) => `W${file}`)];
  const command = [...prefix.slice(1), process.execPath, "-e", probeScript, "--", ...words];
  const { status, error, stdout, stderr } = spawnSync(prefix[0], command, {
    encoding: "utf8",
    timeout: probeMaxMs,
  });
  // User 0 gets back by every program it starts what the bounding set leaves it.
  if (status === 0)
    return holdsMoreThanCapture(stdout) ? "other capabilities cannot be given up here" : undefined;
  const lines = (error?.message ?? stderr).trim().split("\n");
  return lines.find((line) => line.startsWith("Error: "))?.slice("Error: ".length) ?? lines[0];
}

function ownStatus(): string {
  try {
    return readFileSync("/proc/self/status", "utf8");
  } catch {
    return "";
  }
}
