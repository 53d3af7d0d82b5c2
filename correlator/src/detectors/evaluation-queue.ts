import type { HotWindow } from "../windows/window-store.js";

/** A window that stays hot is evaluated again after this long while its slice is open, */
const againAfterMs = 1000;
/** so many times, and from then on after twice as long each time, */
const promptTimes = 5;
/** up to this: what goes on for minutes is told in growing steps. */
const againAfterMsMax = 30_000;
/** Windows remembered; beyond that the oldest are forgotten, which only costs an evaluation. */
const windowsMax = 50_000;
/** Most windows evaluated in one go; the rest waits for the next. */
const batchMax = 256;
/** Most waiting windows looked at in one go. */
const scanMax = 4096;

interface Evaluated {
  readonly atMs: number;
  readonly times: number;
}

interface Waiting {
  readonly window: HotWindow;
  /** When it was last told to be hot. */
  readonly hotMs: number;
}

/**
 * Hot windows waiting to be evaluated: the first time at once, then at most once
 * a second, then less, and once more as soon as nothing new comes.
 */
export class EvaluationQueue {
  /** In the order in which they came to wait. */
  private readonly waiting = new Map<string, Waiting>();
  private readonly evaluated = new Map<string, Evaluated>();

  /** Takes in windows that are hot; those that need no waiting come back. */
  take(hot: readonly HotWindow[], nowMs: number): HotWindow[] {
    const due: HotWindow[] = [];
    for (const window of hot) {
      const key = windowText(window);
      if (due.length < batchMax && this.isDue(key, nowMs)) this.evaluate(key, window, nowMs, due);
      else if (this.waiting.size < windowsMax) this.waiting.set(key, { window, hotMs: nowMs });
    }
    return due;
  }

  /** Windows that have waited long enough, in order; at most one batch. */
  takeWaiting(nowMs: number): HotWindow[] {
    const due: HotWindow[] = [];
    let looked = 0;
    for (const [key, { window, hotMs }] of this.waiting) {
      if (due.length >= batchMax || ++looked > scanMax) break;
      if (this.isDue(key, nowMs) || this.isOver(key, hotMs, nowMs)) this.evaluate(key, window, nowMs, due);
    }
    return due;
  }

  /** Nothing new for a while: what came last must not wait for a long turn. */
  private isOver(key: string, hotMs: number, nowMs: number): boolean {
    return nowMs - Math.max(hotMs, this.evaluated.get(key)?.atMs ?? -Infinity) >= againAfterMs;
  }

  private isDue(key: string, nowMs: number): boolean {
    const before = this.evaluated.get(key);
    if (before === undefined) return true;
    const waitMs = againAfterMs * 2 ** Math.max(0, before.times - promptTimes);
    return nowMs - before.atMs >= Math.min(againAfterMsMax, waitMs);
  }

  private evaluate(key: string, window: HotWindow, nowMs: number, due: HotWindow[]): void {
    due.push(window);
    this.waiting.delete(key);
    const times = (this.evaluated.get(key)?.times ?? 0) + 1;
    this.evaluated.delete(key);
    this.evaluated.set(key, { atMs: nowMs, times });
    const oldest = this.evaluated.keys().next().value;
    if (this.evaluated.size > windowsMax && oldest !== undefined) this.evaluated.delete(oldest);
  }
}

function windowText(window: HotWindow): string {
  if (window.kind === "source") return `s|${window.slice}|${window.source}`;
  if (window.kind === "crowd") return `c|${window.key.slice}|${window.key.kind}|${window.key.subject}`;
  if (window.kind === "facts") return `f|${window.facts.id}|${window.slice}|${window.subject}`;
  return `b|${window.slice}|${window.direction}|${window.host}`;
}
