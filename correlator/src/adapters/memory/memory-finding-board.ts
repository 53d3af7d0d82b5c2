import type { BoardEntry, FindingBoard } from "../../incidents/incident-store.js";
import { partitionCount } from "../../windows/window-store.js";

/** The board of one process: a bounded log whose oldest entries go first. */
export class MemoryFindingBoard implements FindingBoard {
  private entries: BoardEntry[] = [];
  /** Position of the first entry kept. */
  private first = 0;
  private readonly closed = new Float64Array(partitionCount);

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

  read(position: string, entriesMax: number): Promise<{ entries: BoardEntry[]; position: string }> {
    const from = Math.max(0, (position === "" ? this.first : Number(position)) - this.first);
    const entries = this.entries.slice(from, from + entriesMax);
    return Promise.resolve({ entries, position: String(this.first + from + entries.length) });
  }

  closedUntil(): Promise<Float64Array> {
    return Promise.resolve(this.closed.slice());
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
