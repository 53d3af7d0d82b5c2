import { printable } from "@picket/api/cli/terminal.js";

import type { Check } from "./check.js";

const nameWidth = 28;
const colours = { ok: "32", warning: "33", failed: "1;31", skipped: "2" } as const;

/** A check on one line, with what to do. */
export function formatCheck(check: Check, hasColours: boolean): string {
  const status = check.status.padEnd(7);
  const painted = hasColours ? `\u001b[${colours[check.status]}m${status}\u001b[0m` : status;
  const delay = check.delayMs === undefined ? "" : ` (after ${check.delayMs} ms)`;
  const advice = check.advice === "" ? "" : ` -> ${check.advice}`;
  return `${painted}  ${check.name.padEnd(nameWidth)}${printable(check.detail)}${delay}${printable(advice)}\n`;
}

/** A check as one JSON object on a line. */
export function formatCheckJson({ name, status, detail, advice, delayMs }: Check): string {
  return `${JSON.stringify({ check: name, status, detail, advice, delayMs })}\n`;
}
