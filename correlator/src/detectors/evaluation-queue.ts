import { EvaluationBudget } from "./evaluation-budget.js";
import type { HotWindow } from "../windows/window-store.js";

/** A window that stays hot is evaluated again after this long while its slice is open, */
const againAfterMs = 200;
/** then after twice as long each time, up to this: what goes on for minutes is told in growing steps. */
const againAfterMsMax = 30_000;
/** What came last is evaluated when nothing new came for this long. */
const quietMs = 500;
/** Windows remembered, and windows of one kind that wait; beyond that the oldest are forgotten, which only costs an evaluation. */
const windowsMax = 50_000;
/**
 * Most windows evaluated with one merge: these, and one for so many flows of it,
 * so that a backlog is applied rather than evaluated; the rest waits.
 */
const atOnceMin = 32;
const flowsPerWindow = 128;
/** Most waiting windows evaluated in one go, and those kept free for each kind that comes later. */
const waitingMax = 128;
const shareOfKind = 16;
/** Most waiting windows of one kind looked at in one go. */
const scanMax = 4096;
/**
 * Kinds in the order in which they are taken. Crowds come last: whoever forges
 * sources makes them by the ten thousand, and a real scan must not wait for them.
 */
const kinds = ["source", "facts", "starts", "crowd"] as const;

interface Evaluated {
  readonly atMs: number;
  readonly times: number;
}

/**
 * Hot windows waiting to be evaluated: the first time at once, then soon, then
 * less and less often, and once more as soon as nothing new comes. Each kind
 * waits by itself and gets its share, so that no kind holds up another.
 */
export class EvaluationQueue {
  /** When each was last told to be hot, in the order in which they came to wait. */
  private readonly waiting: Readonly<Record<HotWindow["kind"], Map<HotWindow, number>>> = {
    source: new Map(),
    facts: new Map(),
    starts: new Map(),
    crowd: new Map(),
  };
  private readonly evaluated = new Map<HotWindow, Evaluated>();
  private readonly budget = new EvaluationBudget();

  /** @param sources of crowds that were read for the windows handed over */
  spendOnCrowds(sources: number): void {
    this.budget.spendOnCrowds(sources);
  }

  /**
   * Takes in windows that are hot; those that need no waiting come back. A window
   * is always the same object.
   * @param flows that were merged to make them hot
   */
  take(hot: readonly HotWindow[], nowMs: number, flows = 0): HotWindow[] {
    this.budget.refill(nowMs);
    const due: HotWindow[] = [];
    const countMax = atOnceMin + flows / flowsPerWindow;
    const crowds = hot.filter(({ kind }) => kind === "crowd");
    const others = crowds.length === 0 ? hot : hot.filter(({ kind }) => kind !== "crowd");
    const forCrowds = Math.min(crowds.length, countMax / 4);
    for (const window of others) this.takeOne(window, nowMs, countMax - forCrowds, due);
    for (const window of crowds) this.takeOne(window, nowMs, countMax, due);
    return due;
  }

  /** Windows that have waited long enough, in order; at most one batch. */
  takeWaiting(nowMs: number): HotWindow[] {
    this.budget.refill(nowMs);
    const due: HotWindow[] = [];
    for (const [index, kind] of kinds.entries()) {
      const later = kinds.slice(index + 1).filter((other) => this.waiting[other].size > 0);
      this.takeKind(kind, nowMs, waitingMax - later.length * shareOfKind, due);
    }
    return due;
  }

  private takeOne(window: HotWindow, nowMs: number, countMax: number, due: HotWindow[]): void {
    const waiting = this.waiting[window.kind];
    if (due.length < countMax && this.budget.allows(window.kind) && this.isDue(window, nowMs))
      this.evaluate(window, nowMs, due);
    else if (waiting.size < windowsMax || waiting.has(window)) waiting.set(window, nowMs);
  }

  private takeKind(kind: HotWindow["kind"], nowMs: number, countMax: number, due: HotWindow[]): void {
    let looked = 0;
    for (const [window, hotMs] of this.waiting[kind]) {
      if (due.length >= countMax || ++looked > scanMax || !this.budget.allows(kind)) break;
      if (this.isDue(window, nowMs) || this.isOver(window, hotMs, nowMs)) this.evaluate(window, nowMs, due);
    }
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
    this.budget.spend(window.kind);
    this.waiting[window.kind].delete(window);
    const times = (this.evaluated.get(window)?.times ?? 0) + 1;
    this.evaluated.delete(window);
    this.evaluated.set(window, { atMs: nowMs, times });
    const oldest = this.evaluated.keys().next().value;
    if (this.evaluated.size > windowsMax && oldest !== undefined) this.evaluated.delete(oldest);
  }
}
