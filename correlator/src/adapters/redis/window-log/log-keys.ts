import type { FactKind } from "../../../windows/fact-window.js";
import { partitionOf } from "../../../windows/window-store.js";

/** Changes with every change of the keys or records: state of another layout counts as lost. */
export const layoutVersion = "6";

/** Streams that the log is spread over, by the window's key: as many shards of Redis can share it. */
export const shardCount = 16;

/** How long each part of the log is kept, counted from its writing, milliseconds. */
export const retentionMs = {
  /** Contacts count on their UTC day and the next. */
  contacts: 49 * 3_600_000,
  /** Flow starts: a burst's baseline reaches 5 minutes back. */
  starts: 20 * 60_000,
  /** Facts of detectors that look back seconds, by how far the others look back. */
  rates: 20 * 60_000,
  facts: 4 * 3_600_000,
  daily: 49 * 3_600_000,
  /** Counts of closed crowds: the history is a week. */
  counts: 8 * 86_400_000,
} as const;

export type LogPart = keyof typeof retentionMs;
export const logParts = Object.keys(retentionMs) as LogPart[];

const ratesReachMs = 15 * 60_000;
const factsReachMs = 3 * 3_600_000;

/** Part that takes facts of a kind: its detector reads so many slices back, and one may be open, one closing. */
export function factPart({ slicesBefore, sliceMs }: FactKind): "rates" | "facts" | "daily" {
  const reachMs = (slicesBefore + 2) * sliceMs;
  if (reachMs <= ratesReachMs) return "rates";
  return reachMs <= factsReachMs ? "facts" : "daily";
}

/** Shard of the window with this key. */
export function shardOf(key: string): number {
  return partitionOf(key) % shardCount;
}

/** Name of a stream, in the slot of its shard. */
export function streamKey(part: LogPart, shard: number): string {
  return `{p${String(shard).padStart(2, "0")}}${layoutVersion}:${part}`;
}
