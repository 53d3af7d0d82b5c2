import type { Fold, FoldChange, FoldedIncident } from "../../incidents/fold.js";
import type { BoardEntry, FindingBoard, FoldSaving } from "../../incidents/incident-store.js";
import { partitionCount } from "../../windows/window-store.js";

/** The board of one process: a bounded log whose oldest entries go first. */
export class MemoryFindingBoard implements FindingBoard {
  private entries: BoardEntry[] = [];
  /** Position of the first entry kept. */
  private first = 0;
  private readonly closed = new Float64Array(partitionCount);
  private fold: Fold | undefined;
  private readonly folded = new Map<string, FoldedIncident>();
  private fence = -Infinity;

  constructor(private readonly entriesMax: number = 100_000) {}

  post(entries: readonly BoardEntry[]): Promise<boolean> {
    if (entries.some((entry) => this.isStale(entry))) return Promise.resolve(false);
    for (const entry of entries) {
      this.entries.push(entry);
      if (entry.kind === "closed")
        this.closed[entry.partition] = Math.max(this.closed[entry.partition], entry.untilMs);
    }
    if (this.entries.length > this.entriesMax * 2) this.trim();
    return Promise.resolve(true);
  }

  read(
    position: string,
    entriesMax: number,
    untilPosition = String(this.first + this.entries.length),
  ): Promise<{ entries: BoardEntry[]; position: string }> {
    const from = Math.max(0, (position === "" ? this.first : Number(position)) - this.first);
    const until = Math.max(from, Number(untilPosition) - this.first);
    const entries = this.entries.slice(from, Math.min(until, from + entriesMax));
    return Promise.resolve({ entries, position: String(this.first + from + entries.length) });
  }

  closedUntil(): Promise<Float64Array> {
    return Promise.resolve(this.closed.slice());
  }

  loadFold(): Promise<Fold | undefined> {
    if (this.fold === undefined) return Promise.resolve(undefined);
    return Promise.resolve({ ...this.fold, incidents: [...this.folded.values()] });
  }

  saveFold(change: FoldChange, fence: number): Promise<FoldSaving> {
    if (fence < this.fence) return Promise.resolve("refused");
    if (!change.isWhole && fence !== this.fence) return Promise.resolve("absent");
    this.fence = fence;
    this.fold = change;
    if (change.isWhole) this.folded.clear();
    for (const id of change.removed) this.folded.delete(id);
    for (const incident of change.incidents) this.folded.set(incident.draft.plain.id, incident);
    return Promise.resolve("saved");
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  private isStale(entry: BoardEntry): boolean {
    return (
      entry.kind === "closed" && entry.afterMs !== undefined && this.closed[entry.partition] !== entry.afterMs
    );
  }

  private trim(): void {
    const excess = this.entries.length - this.entriesMax;
    this.entries = this.entries.slice(excess);
    this.first += excess;
  }
}
