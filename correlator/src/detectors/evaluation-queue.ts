import type { HotWindow } from "../windows/window-store.js";

/** A window that stays hot is evaluated at most this often while its slice is open. */
const againAfterMs = 1000;
/** Windows remembered; beyond that the oldest are forgotten, which only costs an evaluation. */
const windowsMax = 50_000;
/** Most windows evaluated in one go; the rest waits for the next. */
const batchMax = 512;

/** Hot windows waiting to be evaluated: the first time at once, then at most once a second. */
export class EvaluationQueue {
  private readonly waiting = new Map<string, HotWindow>();
  private readonly evaluatedMs = new Map<string, number>();

  /** Adds windows and takes those that are due. */
  due(hot: readonly HotWindow[], nowMs: number): HotWindow[] {
    for (const window of hot) this.waiting.set(windowText(window), window);
    const due: HotWindow[] = [];
    for (const [key, window] of this.waiting) {
      if (due.length >= batchMax) break;
      if (nowMs - (this.evaluatedMs.get(key) ?? -Infinity) < againAfterMs) continue;
      this.waiting.delete(key);
      this.remember(key, nowMs);
      due.push(window);
    }
    return due;
  }

  private remember(key: string, nowMs: number): void {
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
