import type { PacketBlock } from "./packet-source.js";

/** Most bytes one packet may claim to have; more means that the file is corrupt there. */
export const packetBytesMax = 262_144;

/** Bytes of the file in memory: `[start, end)` are not yet read. */
export interface FileChunk {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  start: number;
  end: number;
}

/** Reads the records of one capture format. */
export interface RecordReader {
  /**
   * Appends the packets of whole records to `block` until it is full or the
   * chunk ends within a record, and moves `chunk.start` behind what it read.
   */
  read(chunk: FileChunk, block: PacketBlock): void;
  /** Why nothing behind this point can be read; undefined while all is well. */
  readonly corruptReason: string | undefined;
  /** True when the file must not end here: a record is being passed over. */
  readonly isWithinRecord: boolean;
  /** Records skipped because they make no sense while the file goes on. */
  readonly recordsSkipped: number;
}
