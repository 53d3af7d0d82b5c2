import type { HotWindow } from "../windows/window-store.js";

/** A window that stays hot is evaluated again after this long while its slice is open, */
const againAfterMs = 200;
/** then after twice as long each time, up to this: what goes on for minutes is told in growing steps. */
const againAfterMsMax = 30_000;
/** What came last is evaluated when nothing new came for this long. */
const quietMs = 500;
/** Windows remembered; beyond that the oldest are forgotten, which only costs an evaluation. */
const windowsMax = 50_000;
/**
 * Most windows evaluated with one merge: these, and one for so many flows of it,
 * so that a backlog is applied rather than evaluated; the rest waits.
 */
const atOnceMin = 32;
const flowsPerWindow = 128;
/** Most waiting windows evaluated in one go. */
const waitingMax = 128;
/** Most waiting windows looked at in one go. */
const scanMax = 4096;

interface Evaluated {
  readonly atMs: number;
  readonly times: number;
}

/**
 * Hot windows waiting to be evaluated: the first time at once, then soon, then
 * less and less often, and once more as soon as nothing new comes.
 */
export class EvaluationQueue {
  /** When each was last told to be hot, in the order in which they came to wait. */
  private readonly waiting = new Map<HotWindow, number>();
  private readonly evaluated = new Map<HotWindow, Evaluated>();

  /**
   * Takes in windows that are hot; those that need no waiting come back. A window
   * is always the same object.
   * @param flows that were merged to make them hot
   */
  take(hot: readonly HotWindow[], nowMs: number, flows = 0): HotWindow[] {
    const due: HotWindow[] = [];
    const countMax = atOnceMin + flows / flowsPerWindow;
    for (const window of hot) {
      if (due.length < countMax && this.isDue(window, nowMs)) this.evaluate(window, nowMs, due);
      else if (this.waiting.size < windowsMax) this.waiting.set(window, nowMs);
    }
    return due;
  }

  /** Windows that have waited long enough, in order; at most one batch. */
  takeWaiting(nowMs: number): HotWindow[] {
    const due: HotWindow[] = [];
    let looked = 0;
    for (const [window, hotMs] of this.waiting) {
      if (due.length >= waitingMax || ++looked > scanMax) break;
      if (this.isDue(window, nowMs) || this.isOver(window, hotMs, nowMs)) this.evaluate(window, nowMs, due);
    }
    return due;
  }

  /** Nothing new for a while: what came last must not wait for a long turn. */
  private isOver(window: HotWindow, hotMs: number, nowMs: number): boolean {
    return nowMs - Math.max(hotMs, this.evaluated.get(window)?.atMs ?? -Infinity) >= quietMs;
  }

  private isDue(window: HotWindow, nowMs: number): boolean {
    const before = this.evaluated.get(window);
    if (before === undefined) return true;
    const waitMs = againAfterMs * 2 ** Math.min(16, before.times - 1);
    return nowMs - before.atMs >= Math.min(againAfterMsMax, waitMs);
  }

  private evaluate(window: HotWindow, nowMs: number, due: HotWindow[]): void {
    due.push(window);
    this.waiting.delete(window);
    const times = (this.evaluated.get(window)?.times ?? 0) + 1;
    this.evaluated.delete(window);
    this.evaluated.set(window, { atMs: nowMs, times });
    const oldest = this.evaluated.keys().next().value;
    if (this.evaluated.size > windowsMax && oldest !== undefined) this.evaluated.delete(oldest);
  }
}
