import { appliedBatchOf, batchCorrectionMs, contributionOf } from "../flows/batch-context.js";
import type { HomeNetworks } from "../flows/home-networks.js";
import { Observer } from "../flows/observer.js";
import { factObservers } from "../detectors/fact-detectors.js";
import type { Evaluator } from "../detectors/evaluator.js";
import type { BoardEntry, FindingBoard } from "../incidents/incident-store.js";
import type { Policy } from "../policy/policy.js";
import { sensorHash, type SensorRegistry } from "../sensors/sensor-registry.js";
import { partitionCount, type HotWindow, type WindowStore } from "../windows/window-store.js";
import type { StoredBatch } from "./flow-history.js";

const windowsPerPost = 256;

/** What a replay works on. */
export interface ReplayPorts {
  readonly windows: WindowStore;
  readonly board: FindingBoard;
  /** Counts what it does not know yet: its sums are lost together with the windows. */
  readonly sensors?: Pick<SensorRegistry, "recordApplied">;
}

/**
 * Merges stored batches into the windows once more. A batch has the same effect
 * as the first time: event times depend on the stored batch only, and a rate
 * series takes what was in time when the batch was stored. Nothing found here
 * is final, because the windows are not complete.
 */
export class Replayer {
  readonly counters = { flowsReplayed: 0, batchesReplayed: 0 };
  private readonly observer: Observer;
  private home: HomeNetworks;

  constructor(
    private readonly ports: ReplayPorts,
    private readonly evaluator: Evaluator,
    private readonly settings: () => { readonly home: HomeNetworks; readonly policy: Policy },
    seed?: number,
  ) {
    this.home = settings().home;
    this.observer = new Observer(this.home, seed, factObservers);
  }

  /** Resolves to the windows that are hot now, when the effect is durable. */
  async apply(batches: readonly StoredBatch[]): Promise<HotWindow[]> {
    this.followHome();
    this.observer.setPolicy(this.settings().policy);
    const allowedLatenessMs = this.settings().policy.incident.allowedLatenessSeconds * 1000;
    for (const batch of batches) {
      this.observer.closeStarts(batch.ingestMs - allowedLatenessMs);
      this.observer.observe(batch.columns, {
        sensor: sensorHash(batch.sensor),
        contribution: contributionOf(batch.sensor, batch.columns),
        clockCorrectionMs: batchCorrectionMs(batch.columns, batch.ingestMs, batch.sentMs),
      });
      this.counters.flowsReplayed += batch.columns.length;
    }
    this.counters.batchesReplayed += batches.length;
    const hot = await this.ports.windows.merge(this.observer.take());
    await this.ports.sensors?.recordApplied(batches.map(appliedBatchOf));
    return hot;
  }

  /** Posts what these windows show as provisional findings. */
  async evaluate(windows: Iterable<HotWindow>): Promise<void> {
    let some: HotWindow[] = [];
    for (const window of windows) {
      some.push(window);
      if (some.length < windowsPerPost) continue;
      await this.post(some);
      some = [];
    }
    if (some.length > 0) await this.post(some);
  }

  /** The same for every hot window whose slice ends in (afterMs, untilMs]; the future included, if need be. */
  async evaluateBetween(afterMs: number, untilMs: number): Promise<void> {
    for (let partition = 0; partition < partitionCount; partition++)
      await this.evaluate(await this.ports.windows.readHot(partition, afterMs, untilMs));
  }

  /** Brings the counts of crowds whose slices ended in (afterMs, untilMs] into the history. */
  async foldCrowds(afterMs: number, untilMs: number): Promise<void> {
    for (let partition = 0; partition < partitionCount; partition++)
      await this.ports.windows.readHot(partition, afterMs, untilMs);
  }

  private followHome(): void {
    const { home } = this.settings();
    if (home === this.home) return;
    this.home = home;
    this.observer.setHome(home);
  }

  private async post(windows: readonly HotWindow[]): Promise<void> {
    const findings = await Promise.all(windows.map((window) => this.evaluator.evaluate(window, false)));
    const entries = findings.flatMap((finding): BoardEntry[] =>
      finding === undefined ? [] : [{ kind: "finding", finding }],
    );
    if (entries.length > 0) await this.ports.board.post(entries);
  }
}
