import { PicketError } from "@picket/proto/picket-error.js";

/** Whether the disk takes nothing now; anything else is wrong with the folder itself. */
export function isDiskFault(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT", "EROFS", "EIO"].includes(codeOf(error) ?? "");
}

/** Whether a file or folder is not there. */
export function isAbsent(error: unknown): boolean {
  return codeOf(error) === "ENOENT";
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
