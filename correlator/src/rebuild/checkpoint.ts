/** Reads and merges the slow state: contacts and services by UTC day, and the crowds' history. */
export interface SlowState {
  /** Name of the layout in which `dump` packs it. */
  readonly layout: string;
  /**
   * Everything, in packed pieces of at most `pieceBytesMax` that can be restored
   * in any order; slowly enough that the store goes on serving others.
   */
  dump(nowMs: number, signal: AbortSignal): AsyncIterable<Buffer>;
  /** Merges a piece into what is there; merging it again changes nothing. */
  restore(piece: Buffer): Promise<void>;
}

/** Bytes of one piece before it is compressed. */
export const pieceBytesMax = 768 * 1024;

/** What says that a checkpoint is complete. */
export interface CheckpointManifest {
  readonly id: string;
  readonly layout: string;
  /** Identity of the stream of flows. */
  readonly log: string;
  /** Every flow up to this sequence is contained. */
  readonly sequence: number;
  /** When it was begun, milliseconds. */
  readonly takenMs: number;
  readonly pieces: number;
  readonly bytes: number;
}

/** A durable log of checkpoints, the last ones kept. */
export interface CheckpointLog {
  /** Appends the pieces and then the manifest; without it the pieces do not count. */
  write(
    manifest: Omit<CheckpointManifest, "pieces" | "bytes">,
    pieces: AsyncIterable<Buffer>,
  ): Promise<CheckpointManifest>;
  /** The manifest of the last complete one. */
  latest(): Promise<CheckpointManifest | undefined>;
  /** Its pieces; throws CheckpointDamage when one of them is gone or altered. */
  read(manifest: CheckpointManifest, signal: AbortSignal): AsyncIterable<Buffer>;
}

/** A checkpoint that cannot be used; the stream of flows then gives everything. */
export class CheckpointDamage extends Error {
  override readonly name = "CheckpointDamage";
}
