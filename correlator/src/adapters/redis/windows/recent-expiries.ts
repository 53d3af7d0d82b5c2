import type { ExpiringKeys } from "./merge-encoder.js";

/**
 * Remembers for ten minutes which shared keys got a time to live, so that it is
 * not set with each write. Shorter than every time to live: a key that expired
 * and came back is never taken for one that still has its own.
 */
export class RecentExpiries implements ExpiringKeys {
  private keys = new Set<string>();
  private sinceMs = 0;

  /** @param keysMax when full, everything is forgotten, which costs only repeated commands */
  constructor(
    private readonly keysMax = 200_000,
    private readonly keptMs = 600_000,
  ) {}

  /** Forgets what is too old; call before each use. */
  advance(nowMs: number): void {
    if (nowMs - this.sinceMs < this.keptMs && this.keys.size < this.keysMax) return;
    this.keys = new Set();
    this.sinceMs = nowMs;
  }

  isDue(key: string): boolean {
    if (this.keys.has(key)) return false;
    this.keys.add(key);
    return true;
  }

  clear(): void {
    this.keys.clear();
  }
}
