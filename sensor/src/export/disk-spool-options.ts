/** Where and how much a disk spool keeps, and for which process start. */
export interface DiskSpoolOptions {
  /** A folder of this sensor alone; made when missing, for its owner only. */
  readonly folder: string;
  /** Most bytes on disk; at least 1 MiB. */
  readonly bytesMax: number;
  /** Most bytes in memory while the disk takes nothing. */
  readonly memoryBytesMax: number;
  /** 16 bytes, of this process start. */
  readonly epoch: Uint8Array;
  readonly nowUs: () => number;
}
