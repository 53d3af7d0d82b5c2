import {
  CheckpointDamage,
  type CheckpointLog,
  type CheckpointManifest,
  type SlowState,
} from "./checkpoint.js";
import type { FlowHistory } from "./flow-history.js";
import type { RebuildLedger } from "./rebuild-ledger.js";

/** What checkpoints are taken of and kept in. */
export interface CheckpointPorts {
  readonly ledger: RebuildLedger;
  readonly history: FlowHistory;
  readonly state: SlowState;
  readonly log: CheckpointLog;
}

/** Takes checkpoints of complete windows and brings the last one back. */
export class Checkpoints {
  readonly counters = {
    checkpointsTaken: 0,
    checkpointsUnusable: 0,
    checkpointBytes: 0,
    checkpointSeconds: 0,
  };
  #takenMs: number | undefined;

  constructor(
    private readonly ports: CheckpointPorts,
    private readonly options: { readonly everyMs: number; readonly newId: () => string },
  ) {}

  async isDue(nowMs: number): Promise<boolean> {
    this.#takenMs ??= (await this.ports.log.latest())?.takenMs ?? 0;
    return nowMs - this.#takenMs >= this.options.everyMs;
  }

  /**
   * Contains every batch acknowledged before it began, and some later ones.
   * Undefined when the windows are not complete; throws when they were lost
   * meanwhile. One that failed is tried again after a tenth of the time.
   */
  async take(nowMs: number, signal: AbortSignal): Promise<CheckpointManifest | undefined> {
    const { ledger, history, state, log } = this.ports;
    const before = await ledger.read();
    if (before?.phase !== "ready") return undefined;
    const position = await history.position();
    const beganMs = performance.now();
    this.#takenMs = nowMs - Math.floor(this.options.everyMs * 0.9);
    const isStill = async (): Promise<boolean> => (await ledger.read())?.generation === before.generation;
    const manifest = await log.write(
      {
        id: this.options.newId(),
        layout: state.layout,
        log: position.log,
        sequence: position.acknowledgedSequence,
        takenMs: nowMs,
      },
      whileTrue(state.dump(nowMs, signal), isStill, signal),
    );
    this.#takenMs = nowMs;
    this.counters.checkpointsTaken++;
    this.counters.checkpointBytes = manifest.bytes;
    this.counters.checkpointSeconds = Math.round(performance.now() - beganMs) / 1000;
    return manifest;
  }

  /**
   * Merges the latest complete checkpoint into the windows; undefined when there
   * is none that fits, so that the stream must give everything.
   * @param flowsLog identity of the stream of flows
   */
  async restoreLatest(flowsLog: string, signal: AbortSignal): Promise<CheckpointManifest | undefined> {
    const { state, log } = this.ports;
    const manifest = await log.latest();
    if (manifest === undefined) return undefined;
    if (manifest.layout !== state.layout || manifest.log !== flowsLog) return this.#unusable();
    try {
      for await (const piece of log.read(manifest, signal)) await state.restore(piece);
    } catch (error) {
      if (error instanceof CheckpointDamage) return this.#unusable();
      throw error;
    }
    return signal.aborted ? undefined : manifest;
  }

  #unusable(): undefined {
    this.counters.checkpointsUnusable++;
  }
}

/** The pieces, and an error in place of the end when the windows are not the same any more. */
async function* whileTrue(
  pieces: AsyncIterable<Buffer>,
  isStill: () => Promise<boolean>,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    signal.throwIfAborted();
    yield piece;
  }
  signal.throwIfAborted();
  if (!(await isStill())) throw new Error("the windows were lost while a checkpoint was taken");
}
