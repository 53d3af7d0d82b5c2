import type { HotWindow } from "../windows/window-store.js";

/** A window that stays hot is evaluated at most this often while its slice is open. */
const againAfterMs = 1000;
/** Windows remembered; beyond that the oldest are forgotten, which only costs an evaluation. */
const windowsMax = 50_000;
/** Most windows evaluated in one go; the rest waits for the next. */
const batchMax = 256;

/** Hot windows waiting to be evaluated: the first time at once, then at most once a second. */
export class EvaluationQueue {
  /** In the order in which they came to wait. */
  private readonly waiting = new Map<string, HotWindow>();
  private readonly evaluatedMs = new Map<string, number>();

  /** Takes in windows that are hot; those that need no waiting come back. */
  take(hot: readonly HotWindow[], nowMs: number): HotWindow[] {
    const due: HotWindow[] = [];
    for (const window of hot) {
      const key = windowText(window);
      if (due.length < batchMax && this.isDue(key, nowMs)) this.evaluate(key, window, nowMs, due);
      else if (this.waiting.size < windowsMax) this.waiting.set(key, window);
    }
    return due;
  }

  /** Windows that have waited long enough, in order; at most one batch. */
  takeWaiting(nowMs: number): HotWindow[] {
    const due: HotWindow[] = [];
    for (const [key, window] of this.waiting) {
      if (due.length >= batchMax || !this.isDue(key, nowMs)) break;
      this.evaluate(key, window, nowMs, due);
    }
    return due;
  }

  private isDue(key: string, nowMs: number): boolean {
    return nowMs - (this.evaluatedMs.get(key) ?? -Infinity) >= againAfterMs;
  }

  private evaluate(key: string, window: HotWindow, nowMs: number, due: HotWindow[]): void {
    due.push(window);
    this.waiting.delete(key);
    this.evaluatedMs.delete(key);
    this.evaluatedMs.set(key, nowMs);
    const oldest = this.evaluatedMs.keys().next().value;
    if (this.evaluatedMs.size > windowsMax && oldest !== undefined) this.evaluatedMs.delete(oldest);
  }
}

function windowText(window: HotWindow): string {
  if (window.kind === "source") return `s|${window.slice}|${window.source}`;
  if (window.kind === "crowd") return `c|${window.key.slice}|${window.key.kind}|${window.key.subject}`;
  return `b|${window.slice}|${window.direction}|${window.host}`;
}
