import type { FactKind } from "../../../windows/fact-window.js";
import { factPart, shardCount } from "./log-keys.js";

const kindsMax = 256;
const mebibyte = 1024 * 1024;

/** Bytes of one kind in a shard, by the part of the log that takes it: in all that many for each period. */
const budgets = {
  rates: { periodMs: 600_000, bytesMax: mebibyte },
  facts: { periodMs: 3_600_000, bytesMax: 8 * mebibyte },
  daily: { periodMs: 86_400_000, bytesMax: 2 * mebibyte },
} as const;

/**
 * What the log takes of each kind of fact, so that a flood fills its own share
 * and nothing else. Counts what was read, so that all correlators count the same.
 */
export class FactBudget {
  private readonly periods = new Float64Array(kindsMax * shardCount);
  private readonly bytes = new Float64Array(kindsMax * shardCount);

  admits(kind: FactKind, shard: number, timeMs: number): boolean {
    const { periodMs, bytesMax } = budgets[factPart(kind)];
    const at = kind.id * shardCount + shard;
    return this.bytes[at] < bytesMax || Math.floor(timeMs / periodMs) > this.periods[at];
  }

  add(kind: FactKind, shard: number, timeMs: number, bytes: number): void {
    const at = kind.id * shardCount + shard;
    const period = Math.floor(timeMs / budgets[factPart(kind)].periodMs);
    if (period > this.periods[at]) {
      this.periods[at] = period;
      this.bytes[at] = 0;
    }
    this.bytes[at] += bytes;
  }

  clear(): void {
    this.periods.fill(0);
    this.bytes.fill(0);
  }
}
