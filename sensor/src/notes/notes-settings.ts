import { nameBytesMax } from "@picket/proto/batch/flow-columns.js";

/** Settings of what is read from the bytes of flows. */
export interface NotesSettings {
  /** Host names that flows ask for (DNS) or name (TLS) are kept. */
  readonly names: boolean;
  /** Most names a second of packet time; what comes above is counted. */
  readonly namesPerSecond: number;
  /** Most bytes of names a second of packet time. */
  readonly nameBytesPerSecond: number;
  /** Payload bytes of a flow, each way, after which nobody looks on. */
  readonly payloadBytesMax: number;
  /** Packets with payload of a flow, each way, after which nobody looks on; at most 127. */
  readonly payloadPacketsMax: number;
}

/** Defaults of every setting. */
export const notesDefaults: NotesSettings = {
  names: true,
  namesPerSecond: 1000,
  nameBytesPerSecond: 32_000,
  payloadBytesMax: 2048,
  payloadPacketsMax: 8,
};

/** A name has this many bytes on average, with room to spare. */
const nameBytesMean = 32;

/** Settings that keep so many names a second, or none. */
export function notesSettings(names: boolean, namesPerSecond: number): NotesSettings {
  const nameBytesPerSecond = Math.max(nameBytesMax, namesPerSecond * nameBytesMean);
  return { ...notesDefaults, names, namesPerSecond, nameBytesPerSecond };
}
