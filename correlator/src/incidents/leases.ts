/** A lease that was granted; its fence number is higher than that of every earlier grant of the name. */
export interface Lease {
  readonly name: string;
  readonly fence: number;
  /** True when prolonged by the full time; false when it was lost. */
  renew(): Promise<boolean>;
  /** Gives it back; harmless when lost. */
  release(): Promise<void>;
}

/** Exclusive, expiring rights to work that no arriving batch triggers. */
export interface Leases {
  /** The lease, or undefined while someone else holds it. */
  acquire(name: string, ttlMs: number): Promise<Lease | undefined>;
}
