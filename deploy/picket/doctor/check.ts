import { PicketError } from "@picket/proto/picket-error.js";

/** Warnings are worth knowing and fail nothing; what could not be looked at is skipped. */
export type CheckStatus = "ok" | "warning" | "failed" | "skipped";

/** One thing that was looked at. */
export interface Check {
  /** For example "nats stream FLOWS". */
  readonly name: string;
  readonly status: CheckStatus;
  /** What was found, one line. */
  readonly detail: string;
  /** What to do about it; empty when nothing. */
  readonly advice: string;
  /** How long it took to arrive, milliseconds; only of the steps of the drill. */
  readonly delayMs?: number;
}

/** Gets each check as soon as it is known. */
export type OnCheck = (check: Check) => void;

export function passed(name: string, detail: string): Check {
  return { name, status: "ok", detail, advice: "" };
}

export function warned(name: string, detail: string, advice: string): Check {
  return { name, status: "warning", detail, advice };
}

export function failed(name: string, detail: string, advice: string): Check {
  return { name, status: "failed", detail, advice };
}

export function skipped(name: string, because: string): Check {
  return { name, status: "skipped", detail: because, advice: "" };
}

/** An expected failure as a check; anything else is a bug and thrown on. */
export function failedBy(name: string, error: unknown, advice: string): Check {
  if (error instanceof PicketError) return failed(name, error.message, advice);
  throw error;
}
