/**
 * A run of captured packets, columns over one byte array. Valid only during the
 * call that delivers it: the source reuses the memory.
 */
export class PacketBlock {
  /** Bytes of the block and a view of the same memory. */
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(this.bytes.buffer);
  count = 0;

  /** First byte of packet i within `bytes`. */
  readonly offset: Uint32Array;
  /** Bytes of packet i that are in the block. */
  readonly capturedLength: Uint32Array;
  /** Bytes packet i had on the wire. */
  readonly wireLength: Uint32Array;
  /** Microseconds since the Unix epoch. */
  readonly timeUs: Float64Array;
  /** Link type of packet i (tcpdump.org/linktypes). */
  readonly linkType: Uint16Array;

  constructor(readonly packetsMax: number = 4096) {
    this.offset = new Uint32Array(packetsMax);
    this.capturedLength = new Uint32Array(packetsMax);
    this.wireLength = new Uint32Array(packetsMax);
    this.timeUs = new Float64Array(packetsMax);
    this.linkType = new Uint16Array(packetsMax);
  }
}

/** What a source says about itself besides packets. */
export interface PacketSourceCounters {
  /** Packets delivered. */
  packetsReceived: number;
  /** Packets the kernel or driver dropped before they reached us. */
  packetsDropped: number;
  /** Records of a capture file that could not be read. */
  recordsCorrupt: number;
}

/** Why a live source delivers nothing at the moment. */
export type PacketSourceState =
  | { readonly kind: "running" }
  | { readonly kind: "waiting"; readonly reason: string };

/** Where packets come from: a capture file, npm cap, the ring. */
export interface PacketSource {
  /** Link type, interface or file, for messages. */
  readonly name: string;
  readonly counters: PacketSourceCounters;
  /**
   * Delivers blocks until the source ends (a file) or `stop` is called.
   * Throws PicketError for a source that can never be opened.
   */
  run(onBlock: (block: PacketBlock) => void, onState?: (state: PacketSourceState) => void): Promise<void>;
  stop(): Promise<void>;
}
