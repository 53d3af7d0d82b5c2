import { statfsSync } from "node:fs";
import { PicketError } from "@picket/proto/picket-error.js";

/** Two of the largest batches. */
const roomBytesMin = 128 << 10;

/** Whether the disk takes nothing now; anything else is wrong with the folder itself. */
export function isDiskFault(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT", "EROFS", "EIO"].includes(codeOf(error) ?? "");
}

/** Whether a file or folder is not there. */
export function isAbsent(error: unknown): boolean {
  return codeOf(error) === "ENOENT";
}

/**
 * Throws ENOSPC when the folder's disk has no room for another batch, which a
 * write may find out late, and the system's error when the folder is gone.
 */
export function requireRoom(folder: string): void {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize >= roomBytesMin) return;
  const error: NodeJS.ErrnoException = new Error(`ENOSPC: only ${bavail * bsize} bytes are left`);
  error.code = "ENOSPC";
  throw error;
}

/** PicketError SPOOL_FAILED for a folder that may not be used. */
export function folderError(folder: string, cause: unknown): PicketError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new PicketError("SPOOL_FAILED", `spool folder ${folder} cannot be used: ${reason}`, {
    cause,
    field: "spoolFolder",
  });
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
