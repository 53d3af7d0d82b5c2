import { claimedEntry, type SpoolEntry } from "./spool.js";
import type { SpoolSegment } from "./spool-segment.js";

/** Where an entry of the disk spool is: in a file, or in memory because no disk took it. */
export interface DiskPlace {
  readonly segment: SpoolSegment | undefined;
  /** In the file. */
  readonly offset: number;
  /** Wins over the file: set when writing to it failed later. */
  memory: SpoolEntry | undefined;
}

/** The place of a record in a file. */
export function placeInFile(segment: SpoolSegment, offset: number): DiskPlace {
  return { segment, offset, memory: undefined };
}

/** An entry of the spool in memory as one of the disk spool. */
export function entryInMemory(memory: SpoolEntry): SpoolEntry {
  const place: DiskPlace = { segment: undefined, offset: 0, memory };
  return claimedEntry(memory, place, memory.isResent);
}
