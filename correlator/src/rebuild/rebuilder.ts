import { setTimeout as delay } from "node:timers/promises";
import type { Lease, Leases } from "../incidents/leases.js";
import { contactSliceMs, startSliceMs, type HotWindow } from "../windows/window-store.js";
import type { Checkpoints } from "./checkpoints.js";
import type { FlowHistory, HistoryPosition, HistoryStart } from "./flow-history.js";
import type { RebuildLedger, RebuildPhase, RebuildState } from "./rebuild-ledger.js";
import type { Replayer } from "./replayer.js";

/** What a rebuild works on. */
export interface RebuilderPorts {
  readonly ledger: RebuildLedger;
  readonly history: FlowHistory;
  readonly leases: Leases;
  /** Absent: the whole history comes from the stream. */
  readonly checkpoints?: Checkpoints;
  /** A fresh one for each rebuild. */
  readonly replayer: () => Replayer;
}

export interface RebuilderOptions {
  readonly onChange?: (line: string) => void;
  readonly onFailure?: (error: Error) => void;
  readonly newGeneration: () => string;
  /** How much of the stream is replayed first, milliseconds. */
  readonly recentMs?: number;
  /** How far back the stream is replayed where no checkpoint reaches, milliseconds. */
  readonly historyMs?: number;
  /** How long serving waits for the last minutes, milliseconds. */
  readonly serveAfterMs?: number;
  /** How long confirming waits for the slow state, milliseconds. */
  readonly holdMsMax?: number;
  /** How often the windows are looked at, milliseconds. */
  readonly lookEveryMs?: number;
}

const defaults = {
  serveAfterMs: 10_000,
  recentMs: 600_000,
  historyMs: 172_800_000,
  holdMsMax: 1_200_000,
  lookEveryMs: 500,
};
const leaseName = "rebuild";
/** A killed correlator holds up the others for so long; half of what finding a scan may take. */
const leaseMs = 5_000;
const renewEveryMs = 1_000;
const floorEveryMs = 1_000;
/** Hot windows evaluated right after the last minutes; the others follow when all is complete. */
const evaluatedFirstMax = 1_000;
/** Of stored time; the newest chunk of the history comes first. */
const chunkMs = 3_600_000;

/**
 * Notices that the windows were lost and brings them back while live batches go
 * on. One correlator at a time does it, under a lease that is lost together with
 * the windows; the others only hold back what they may not decide meanwhile.
 */
export class Rebuilder {
  readonly counters = {
    rebuildsBegun: 0,
    rebuildsDone: 0,
    flowsReplayed: 0,
    rebuilding: 0,
    rebuildProgress: 0,
  };
  readonly #options: RebuilderOptions & typeof defaults;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #tellPlaced: () => void = () => {};
  readonly #placed = new Promise<void>((resolve) => (this.#tellPlaced = resolve));
  #lease: Lease | undefined;
  #renewedMs = 0;
  #floorMs = 0;
  #checkpoint: Promise<unknown> | undefined;
  /** Of the store when it was last known to hold everything up to its floor. */
  #epoch: number | undefined;
  #phase: RebuildPhase = "ready";

  constructor(
    private readonly ports: RebuilderPorts,
    options: RebuilderOptions,
  ) {
    this.#options = { ...defaults, ...options };
  }

  /**
   * Begins; call once the policy is known, which decides what is inside. Again
   * changes nothing. Resolves when it is known how far the windows reach, or
   * cannot be: what is delivered from then on need not be replayed.
   */
  start(): Promise<void> {
    this.#running ??= this.#run();
    return this.#placed;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all([this.#running, this.#checkpoint]);
    await this.#lease?.release().catch(() => {});
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#look();
      } catch (error) {
        if (!signal.aborted) this.#options.onFailure?.(error as Error);
      }
      this.#tellPlaced();
      await delay(this.#options.lookEveryMs, undefined, { signal }).catch(() => {});
    }
  }

  async #look(): Promise<void> {
    const state = await this.ports.ledger.read();
    this.#show(state?.phase ?? "lost", state?.progress ?? 0);
    const isNew = this.#lease === undefined;
    if (!(await this.#hold(state === undefined))) return;
    if (isNew) this.#epoch = undefined;
    if (state === undefined || state.phase === "recent" || state.phase === "serving")
      return await this.#rebuild();
    if (state.phase !== "ready")
      return await this.#underLease((signal) => this.#completeHistory(state, signal));
    await this.#followFloor(state);
    await this.#beginCheckpoint();
  }

  /** Goes on beside the looking, which must notice a loss within a second. */
  async #beginCheckpoint(): Promise<void> {
    const { checkpoints } = this.ports;
    if (checkpoints === undefined || this.#checkpoint !== undefined) return;
    if (!(await checkpoints.isDue(Date.now()))) return;
    this.#checkpoint = this.#underLease(async (signal) => {
      const taken = await checkpoints.take(Date.now(), signal);
      if (taken !== undefined)
        this.#options.onChange?.(`took a checkpoint of ${taken.bytes} bytes in ${taken.pieces} pieces`);
    })
      .catch((error: unknown) => {
        if (!this.#stop.signal.aborted) this.#options.onFailure?.(error as Error);
      })
      .finally(() => (this.#checkpoint = undefined));
  }

  #show(phase: RebuildPhase, progress: number): void {
    this.counters.rebuilding = phase === "ready" ? 0 : 1;
    this.counters.rebuildProgress = phase === "ready" ? 1 : progress;
    if (phase === this.#phase) return;
    this.#phase = phase;
    this.#options.onChange?.(phaseText[phase]);
  }

  /** True while this process holds the lease, which may be gone with the windows. */
  async #hold(isLost: boolean): Promise<boolean> {
    const nowMs = performance.now();
    if (this.#lease !== undefined && !isLost && nowMs - this.#renewedMs < renewEveryMs) return true;
    if (this.#lease !== undefined && !(await this.#lease.renew())) this.#lease = undefined;
    this.#lease ??= await this.ports.leases.acquire(leaseName, leaseMs);
    this.#renewedMs = nowMs;
    return this.#lease !== undefined;
  }

  /** Works while the lease is held; what it still does after that changes nothing (merges are idempotent). */
  async #underLease(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const lost = new AbortController();
    const renewer = setInterval(() => {
      this.#lease?.renew().then(
        (isHeld) => isHeld || lost.abort(),
        () => lost.abort(),
      );
    }, renewEveryMs);
    try {
      await work(AbortSignal.any([this.#stop.signal, lost.signal]));
    } finally {
      clearInterval(renewer);
    }
  }

  /**
   * From nothing. What was delivered before the generation began may have had its
   * effect on the windows that are gone, acknowledged or not; what comes later is live.
   */
  async #rebuild(): Promise<void> {
    await this.#underLease(async (signal) => {
      const generation = this.#options.newGeneration();
      const startedMs = Date.now();
      const state: RebuildState = { generation, phase: "recent", progress: 0, startedMs, log: "", floor: 0 };
      await this.ports.ledger.begin(state);
      const { epoch } = this.ports.ledger;
      this.counters.rebuildsBegun++;
      this.#show("recent", 0);
      const position = await this.ports.history.position();
      this.#tellPlaced();
      const serve = setTimeout(() => void this.#serve(generation), this.#options.serveAfterMs);
      const start = { timeMs: this.#recentFromMs(position) };
      const work = { generation, signal, evaluates: true };
      const isDone = await this.#replay(start, position.deliveredSequence, work).finally(() =>
        clearTimeout(serve),
      );
      if (!isDone) return;
      const { log, deliveredSequence: floor } = position;
      if (!(await this.ports.ledger.advance(generation, { phase: "history", progress: 0, log, floor })))
        return;
      await this.#completeHistory({ ...state, phase: "history", log, floor }, signal);
      // What was delivered since it began is live in these windows.
      this.#epoch = epoch;
    });
  }

  /** The last minutes take long: what live batches show is served meanwhile. */
  async #serve(generation: string): Promise<void> {
    this.#show("serving", 0);
    await this.ports.ledger.advance(generation, { phase: "serving" }).catch(() => false);
  }

  #recentFromMs({ deliveredMs }: HistoryPosition): number {
    return Math.max(0, deliveredMs - this.#options.recentMs);
  }

  /** The slow state, and then what it changes about the windows that are not closed. */
  async #completeHistory(state: RebuildState, signal: AbortSignal): Promise<void> {
    this.#show("history", 0);
    const { generation, startedMs } = state;
    const position = await this.ports.history.position();
    const untilMs = this.#recentFromMs(position);
    const closedUntilMs = Math.floor((startedMs - this.#options.recentMs) / startSliceMs) * startSliceMs;
    const hold = setTimeout(
      () => void this.#goOn(generation, closedUntilMs).catch(() => {}),
      Math.max(0, startedMs + this.#options.holdMsMax - Date.now()),
    );
    try {
      if (!(await this.#replayHistory(generation, position, untilMs, signal))) return;
      await this.ports.replayer().evaluateBetween(closedUntilMs, Date.now() + this.#options.recentMs);
      await this.#finish(generation, closedUntilMs, startedMs);
    } finally {
      clearTimeout(hold);
    }
  }

  /** Confirming waited long enough. */
  async #goOn(generation: string, closedUntilMs: number): Promise<void> {
    await this.ports.ledger.openSlices(generation, closedUntilMs);
    await this.ports.ledger.advance(generation, { phase: "late" });
  }

  async #finish(generation: string, closedUntilMs: number, startedMs: number): Promise<void> {
    const isOpen = await this.ports.ledger.openSlices(generation, closedUntilMs);
    if (!isOpen || !(await this.ports.ledger.advance(generation, { phase: "ready", progress: 1 }))) return;
    this.counters.rebuildsDone++;
    this.#show("ready", 1);
    this.#options.onChange?.(`rebuilt in ${((Date.now() - startedMs) / 1000).toFixed(1)} s`);
  }

  /** True when all of it was replayed: the checkpoint and what came after it, or the newest chunks first. */
  async #replayHistory(
    generation: string,
    position: HistoryPosition,
    untilMs: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    const restored = await this.ports.checkpoints?.restoreLatest(position.log, signal);
    const { deliveredSequence } = position;
    const work = { generation, signal, evaluates: false };
    if (restored !== undefined) {
      if (restored.sequence >= deliveredSequence) return true;
      const start = { sequence: restored.sequence + 1 };
      if (!(await this.#replay(start, deliveredSequence, { ...work, untilMs }))) return false;
      await this.#foldCrowds(restored.takenMs, untilMs);
      return true;
    }
    const fromMs = Math.max(position.firstMs, untilMs - this.#options.historyMs);
    for (let endMs = untilMs; endMs > fromMs && position.firstMs > 0; endMs -= chunkMs) {
      const start = { timeMs: Math.max(fromMs, endMs - chunkMs) };
      if (!(await this.#replay(start, deliveredSequence, { ...work, untilMs: endMs }))) return false;
      await this.#foldCrowds(start.timeMs, endMs);
      const progress = Math.min(1, (untilMs - endMs + chunkMs) / (untilMs - fromMs));
      if (!(await this.ports.ledger.advance(generation, { progress }))) return false;
      this.#show("history", progress);
    }
    return true;
  }

  /** The crowds of old slices are soon gone, their counts are what later ones are compared with. */
  async #foldCrowds(fromMs: number, untilMs: number): Promise<void> {
    await this.ports.replayer().foldCrowds(fromMs - contactSliceMs, untilMs + contactSliceMs);
  }

  /** False when it ended early. In the background every other moment belongs to the live batches. */
  async #replay(
    start: HistoryStart,
    toSequence: number,
    work: { generation: string; signal: AbortSignal; evaluates: boolean; untilMs?: number },
  ): Promise<boolean> {
    if (toSequence === 0) return true;
    const replayer = this.ports.replayer();
    const hot = new Map<string, HotWindow>();
    for await (const { batches, sequence } of this.ports.history.read(start, toSequence, work.signal)) {
      if (work.signal.aborted) return false;
      const beganMs = performance.now();
      const touched = await replayer.apply(batches);
      this.counters.flowsReplayed += batches.reduce((sum, { columns }) => sum + columns.length, 0);
      if (work.evaluates) remember(hot, touched);
      if (sequence >= toSequence || (batches.at(-1)?.ingestMs ?? 0) > (work.untilMs ?? Infinity)) break;
      if (!work.evaluates)
        await delay(performance.now() - beganMs, undefined, { signal: work.signal }).catch(() => {});
    }
    if (!work.signal.aborted) await replayer.evaluate(hot.values());
    return !work.signal.aborted;
  }

  /**
   * Notes that the windows hold everything acknowledged so far. After a
   * reconnection they may be older than they were (a replica that lagged, a
   * snapshot): what was delivered since their own account is applied again.
   */
  async #followFloor(state: RebuildState): Promise<void> {
    const { ledger, history } = this.ports;
    const { epoch } = ledger;
    const isSame = epoch === this.#epoch;
    if (isSame && performance.now() - this.#floorMs < floorEveryMs) return;
    const { log, acknowledgedSequence, deliveredSequence } = await history.position();
    if (!isSame && log === state.log && state.floor < deliveredSequence) {
      const start = { sequence: state.floor + 1 };
      const work = { generation: state.generation, evaluates: true };
      let isDone = false;
      await this.#underLease(async (signal) => {
        isDone = await this.#replay(start, deliveredSequence, { ...work, signal });
      });
      if (!isDone) return;
    }
    if (ledger.epoch !== epoch) return;
    await ledger.advance(state.generation, { log, floor: acknowledgedSequence });
    this.#epoch = epoch;
    this.#floorMs = performance.now();
  }
}

const phaseText: Readonly<Record<RebuildPhase, string>> = {
  lost: "the windows are gone from redis: rebuilding",
  recent: "rebuilding the last minutes",
  serving: "rebuilding the last minutes; what is found meanwhile is served",
  history: "rebuilding what is older in the background",
  late: "rebuilding takes long: slices are closed meanwhile",
  ready: "the windows are complete",
};

/** The windows touched last, each once, so that what runs now is found at once. */
function remember(hot: Map<string, HotWindow>, touched: readonly HotWindow[]): void {
  for (const window of touched) {
    const name = JSON.stringify(window);
    hot.delete(name);
    hot.set(name, window);
  }
  for (const name of hot.keys()) {
    if (hot.size <= evaluatedFirstMax) return;
    hot.delete(name);
  }
}
