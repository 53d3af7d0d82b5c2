import type { Evaluator } from "../detectors/evaluator.js";
import {
  dayMs,
  hotWindowKey,
  partitionCount,
  partitionOf,
  sliceEndMs,
  startSliceMs,
  type HotWindow,
  type WindowStore,
} from "../windows/window-store.js";
import type { HostProfileStore } from "../profiles/host-profile-store.js";
import { profileKeeperOf, type ProfileKeeper } from "../profiles/profile-keeper.js";
import type { BoardEntry, FindingBoard } from "./incident-store.js";
import type { Leases } from "./leases.js";
import { mayConfirm, type RebuildGate } from "../rebuild/rebuild-ledger.js";

const leaseMs = 5000;
/** Windows read and evaluated at once while closing. */
const chunkSize = 256;

/**
 * Closes slices that the watermark has passed: evaluates every hot window of a
 * partition once more, now final, and posts the confirmed findings together with
 * how far the partition is closed. Done under a lease for each partition; done
 * twice, it changes nothing.
 */
export class SliceCloser {
  private closedUntilMs: Float64Array = new Float64Array(partitionCount);
  private readonly profiles: ProfileKeeper | undefined;

  constructor(
    private readonly ports: {
      readonly windows: WindowStore;
      readonly board: FindingBoard;
      readonly leases: Leases;
      readonly rebuild?: RebuildGate;
      readonly profiles?: HostProfileStore;
    },
    private readonly evaluator: Evaluator,
  ) {
    this.profiles = profileKeeperOf(ports);
  }

  /** True when the window's slice is closed as far as this process knows. */
  isClosed(window: HotWindow): boolean {
    return sliceEndMs(window) <= this.closedUntilMs[partitionOf(hotWindowKey(window))];
  }

  /** Windows that were lost begin anew: nothing is known to be closed. */
  forget(): void {
    this.closedUntilMs = new Float64Array(partitionCount);
  }

  /** Does nothing while the windows are rebuilt: what is missing in them would count as absent. */
  async close(watermarkMs: number): Promise<void> {
    const { rebuild } = this.ports;
    if (rebuild !== undefined && !mayConfirm(await rebuild.phase())) return;
    const untilMs = Number.isFinite(watermarkMs)
      ? Math.floor(watermarkMs / startSliceMs) * startSliceMs
      : watermarkMs;
    if (!this.closedUntilMs.some((closed) => closed < untilMs)) return;
    this.closedUntilMs = await this.ports.board.closedUntil();
    this.ports.windows.forget(
      this.closedUntilMs.reduce((least, closed) => Math.min(least, closed), Infinity),
    );
    const open = Array.from({ length: partitionCount }, (_, partition) => partition).filter(
      (partition) => this.closedUntilMs[partition] < untilMs,
    );
    await Promise.all(open.map((partition) => this.closePartition(partition, untilMs)));
    await this.profiles?.refresh(watermarkMs);
  }

  private async closePartition(partition: number, untilMs: number): Promise<void> {
    const lease = await this.ports.leases.acquire(`close:${partition}`, leaseMs);
    if (lease === undefined) return;
    try {
      const afterMs = (await this.ports.board.closedUntil())[partition];
      if (afterMs >= untilMs) return;
      const hot = await this.ports.windows.readHot(partition, afterMs, untilMs);
      const entries: BoardEntry[] = [];
      for (const chunk of chunksOf(hot)) {
        entries.push(...(await this.evaluate(chunk)));
        await this.profiles?.keep(chunk);
        if (!(await lease.renew())) return;
      }
      const closed = { kind: "closed", partition, untilMs } as const;
      const isPosted = await this.ports.board.post([
        ...entries,
        this.ports.rebuild === undefined ? closed : { ...closed, afterMs },
      ]);
      if (isPosted) this.closedUntilMs[partition] = untilMs;
    } finally {
      await lease.release();
    }
  }

  private async evaluate(windows: readonly HotWindow[]): Promise<BoardEntry[]> {
    const findings = await Promise.all(windows.map((window) => this.evaluator.evaluate(window, true)));
    return findings.flatMap((finding): BoardEntry[] =>
      finding === undefined ? [] : [{ kind: "finding", finding }],
    );
  }
}

/** In order of time, and never of two days together: what is usual on a day depends on those before. */
function chunksOf(hot: readonly HotWindow[]): HotWindow[][] {
  const chunks: HotWindow[][] = [];
  let chunk: HotWindow[] = [];
  let day = Number.NaN;
  for (const window of [...hot].sort((a, b) => sliceEndMs(a) - sliceEndMs(b))) {
    const endDay = Math.ceil(sliceEndMs(window) / dayMs);
    if (endDay !== day || chunk.length >= chunkSize) chunks.push((chunk = []));
    day = endDay;
    chunk.push(window);
  }
  return chunks;
}
