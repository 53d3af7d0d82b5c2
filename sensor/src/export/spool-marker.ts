import { readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PicketError } from "@picket/proto/picket-error.js";
import type { Gap } from "./gap.js";
import { isAbsent } from "./spool-fault.js";
import { noTotals } from "./spool.js";

/** Who uses the spool; the file is there from the start to a clean stop. */
interface Marker {
  readonly pid: number;
  /** Tells a process from a later one with the same number. */
  readonly startTicks: string;
  readonly bootId: string;
  /** Hexadecimal. */
  readonly epoch: string;
}

/** What the marker of an earlier run says. */
export interface UncleanRun {
  /** 16 bytes. */
  readonly epoch: Uint8Array;
  /** When it was last seen alive, microseconds since the Unix epoch. */
  readonly lastAliveUs: number;
}

/** Lock of a spool folder, and the trace of a run that did not end cleanly. */
export class SpoolMarker {
  readonly #path: string;

  constructor(private readonly folder: string) {
    this.#path = join(folder, "running.json");
  }

  /**
   * Takes the folder and returns the run that did not end cleanly, if any.
   * Throws PicketError SPOOL_FAILED when a living process uses the folder, and
   * the system's error when the marker cannot be written.
   */
  take(epoch: Uint8Array): UncleanRun | undefined {
    const previous = this.#read();
    if (previous !== undefined && isAlive(previous)) {
      throw new PicketError(
        "SPOOL_FAILED",
        `spool folder ${this.folder} is in use by process ${previous.pid}: stop it or give another folder`,
        { field: "spoolFolder" },
      );
    }
    const unclean = previous === undefined ? undefined : this.#unclean(previous);
    this.#write(epoch);
    return unclean;
  }

  /** Says that the process lives, in a folder that may have been made anew; throws the system's error. */
  renew(epoch: Uint8Array, nowUs: number): void {
    try {
      this.touch(nowUs);
    } catch (error) {
      if (!isAbsent(error)) throw error;
      this.#write(epoch);
    }
  }

  /** Says that the process lives; throws the system's error when the folder is gone or read-only. */
  touch(nowUs: number): void {
    utimesSync(this.#path, nowUs / 1e6, nowUs / 1e6);
  }

  /** A clean stop. */
  release(): void {
    rmSync(this.#path, { force: true });
  }

  #write(epoch: Uint8Array): void {
    const marker: Marker = {
      pid: process.pid,
      startTicks: startTicksOf(process.pid),
      bootId: readText("/proc/sys/kernel/random/boot_id"),
      epoch: Buffer.from(epoch).toString("hex"),
    };
    writeFileSync(this.#path, JSON.stringify(marker), { mode: 0o600 });
  }

  #read(): Marker | undefined {
    try {
      const marker: unknown = JSON.parse(readFileSync(this.#path, "utf8"));
      return isMarker(marker) ? marker : { pid: 0, startTicks: "", bootId: "", epoch: "" };
    } catch (error) {
      // A marker cut by a crash is still the trace of one.
      if (error instanceof SyntaxError) return { pid: 0, startTicks: "", bootId: "", epoch: "" };
      return undefined;
    }
  }

  #unclean(marker: Marker): UncleanRun {
    const epoch = /^[0-9a-f]{32}$/.test(marker.epoch) ? Buffer.from(marker.epoch, "hex") : new Uint8Array(16);
    return { epoch, lastAliveUs: Math.round(statSync(this.#path).mtimeMs * 1000) };
  }
}

/** The time since a run was last seen alive, in which an unknown number of records is lost. */
export function crashGap(run: UncleanRun, nowUs: number): Gap {
  return {
    ...noTotals,
    epoch: run.epoch,
    firstSequence: 0,
    lastSequence: 0,
    reason: "crash",
    fromUs: run.lastAliveUs,
    toUs: Math.max(nowUs, run.lastAliveUs),
  };
}

function isMarker(value: unknown): value is Marker {
  if (typeof value !== "object" || value === null) return false;
  const { pid, startTicks, bootId, epoch } = value as Partial<Marker>;
  return (
    typeof pid === "number" &&
    typeof startTicks === "string" &&
    typeof bootId === "string" &&
    typeof epoch === "string"
  );
}

function isAlive(marker: Marker): boolean {
  if (marker.pid <= 0 || marker.bootId !== readText("/proc/sys/kernel/random/boot_id")) return false;
  return (
    marker.pid !== process.pid && marker.startTicks !== "" && startTicksOf(marker.pid) === marker.startTicks
  );
}

/** Field 22 of /proc/PID/stat, after the name, which may hold spaces; empty when there is none. */
function startTicksOf(pid: number): string {
  const stat = readText(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}
