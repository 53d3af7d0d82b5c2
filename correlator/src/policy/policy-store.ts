import type { Policy, PolicyRevision } from "./policy.js";

/** Where the central policy lives, versioned. */
export interface PolicyStore {
  /** The current revision; the built-in default when none was ever stored. */
  get(): Promise<PolicyRevision>;
  /**
   * Stores a new revision when `etag` is the current one; else throws
   * PicketError CONFLICT. Validation is the caller's.
   */
  update(
    policy: Policy,
    etag: string,
    author: string,
    comment: string,
    nowMs: number,
  ): Promise<PolicyRevision>;
  /** Calls back with the current revision at once and with every later one, until `signal` aborts. */
  watch(onRevision: (revision: PolicyRevision) => void, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
