import type { Lease, Leases } from "../../incidents/leases.js";

interface Grant {
  readonly fence: number;
  untilMs: number;
}

/** Leases among the correlators of one process. A lease that ran out is lost only when another takes it. */
export class MemoryLeases implements Leases {
  private readonly grants = new Map<string, Grant>();
  private lastFence = 0;

  /** @param nowMs a clock in milliseconds that never goes back */
  constructor(private readonly nowMs: () => number = () => performance.now()) {}

  acquire(name: string, ttlMs: number): Promise<Lease | undefined> {
    const held = this.grants.get(name);
    if (held !== undefined && held.untilMs > this.nowMs()) return Promise.resolve(undefined);
    const grant: Grant = { fence: ++this.lastFence, untilMs: this.nowMs() + ttlMs };
    this.grants.set(name, grant);
    return Promise.resolve({
      name,
      fence: grant.fence,
      renew: () => Promise.resolve(this.renew(name, grant, ttlMs)),
      release: () => Promise.resolve(this.release(name, grant)),
    });
  }

  private renew(name: string, grant: Grant, ttlMs: number): boolean {
    if (this.grants.get(name) !== grant) return false;
    grant.untilMs = this.nowMs() + ttlMs;
    return true;
  }

  private release(name: string, grant: Grant): void {
    if (this.grants.get(name) === grant) this.grants.delete(name);
  }
}
