import { PicketError } from "@picket/proto/picket-error.js";
import { newCapHandle, linkTypeOf, type CapHandle } from "./cap-binding.js";
import { wireLengthOf } from "./cap-wire-length.js";
import type { LiveClock } from "./live-clock.js";
import {
  PacketBlock,
  type PacketSource,
  type PacketSourceCounters,
  type PacketSourceState,
} from "./packet-source.js";

export interface CapSourceOptions {
  readonly interface: string;
  /** libpcap filter expression; empty captures everything. */
  readonly filter: string;
  /** Bytes kept of each packet. */
  readonly snapLengthBytes: number;
  readonly clock: LiveClock;
  /** Kernel buffer, bytes. */
  readonly bufferBytes?: number;
}

const blockBytes = 1 << 20;
const drainMs = 20;
const defaultBufferBytes = 16 << 20;

/**
 * Packets of an interface through npm cap, which calls back once a packet, hides
 * kernel drops and timestamps, drains until empty and aborts the process when
 * the interface goes down. So it runs in a process of its own, opens once, and
 * gathers packets into a block that is handed over when it is full, at the
 * latest at the end of the event loop's turn.
 */
export class CapSource implements PacketSource {
  readonly name: string;
  readonly counters: PacketSourceCounters = { packetsReceived: 0, packetsDropped: 0, recordsCorrupt: 0 };
  readonly #block = new PacketBlock();
  /** Where cap writes; referenced here as long as the handle is open. */
  readonly #packet: Buffer;
  readonly #bytes: Buffer;
  #used = 0;
  #linkType = -1;
  #handle: CapHandle | undefined;
  #onBlock: (block: PacketBlock) => void = () => {};
  #flushScheduled = false;
  /** Set by `stop`; a flood may keep its timer from firing. */
  #closeAtMs = Infinity;
  readonly #onClosed: (() => void)[] = [];

  constructor(private readonly options: CapSourceOptions) {
    this.name = options.interface;
    this.#packet = Buffer.alloc(options.snapLengthBytes);
    this.#bytes = Buffer.alloc(blockBytes);
    this.#block.bytes = this.#bytes;
    this.#block.view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
  }

  /**
   * Captures until `stop`. Rejects with PicketError CAPTURE_FAILED or
   * CAPTURE_DENIED when the interface cannot be opened; a handle that failed to
   * open crashes on another try, so the process has to end then.
   */
  run(
    onBlock: (block: PacketBlock) => void,
    onState: (state: PacketSourceState) => void = () => {},
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onBlock = onBlock;
      this.#onClosed.push(resolve);
      try {
        this.#open();
        onState({ kind: "running" });
      } catch (error) {
        reject(error);
      }
    });
  }

  /** Takes what the kernel already has, for 20 ms, and closes. */
  stop(): Promise<void> {
    this.#closeAtMs = performance.now() + drainMs;
    setTimeout(() => this.#close(), drainMs);
    return new Promise((resolve) => this.#onClosed.push(resolve));
  }

  #close(): void {
    this.#closeAtMs = Infinity;
    this.#handle?.close();
    this.#handle = undefined;
    this.#deliver();
    for (const resolve of this.#onClosed.splice(0)) resolve();
  }

  #open(): void {
    const handle = newCapHandle();
    handle.on("packet", (capturedBytes, truncated) => this.#take(capturedBytes, truncated));
    this.#linkType = this.#openHandle(handle);
    this.#handle = handle;
  }

  #openHandle(handle: CapHandle): number {
    const { interface: device, filter, bufferBytes = defaultBufferBytes } = this.options;
    try {
      return linkTypeOf(handle.open(device, filter, bufferBytes, this.#packet));
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const denied = /permission|not permitted/i.test(reason);
      throw new PicketError(
        denied ? "CAPTURE_DENIED" : "CAPTURE_FAILED",
        `interface ${device} cannot be opened: ${reason}`,
        { cause },
      );
    }
  }

  #take(capturedBytes: number, truncated: boolean): void {
    const block = this.#block;
    if (block.count === block.packetsMax || this.#used + capturedBytes > blockBytes) this.#deliver();
    const i = block.count++;
    const offset = this.#used;
    this.#packet.copy(this.#bytes, offset, 0, capturedBytes);
    this.#used += capturedBytes;
    block.offset[i] = offset;
    block.capturedLength[i] = capturedBytes;
    block.wireLength[i] = truncated
      ? wireLengthOf(block.view, offset, capturedBytes, this.#linkType)
      : capturedBytes;
    block.timeUs[i] = this.options.clock.nowUs();
    block.linkType[i] = this.#linkType;
    this.#scheduleDelivery();
  }

  #scheduleDelivery(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(() => {
      this.#flushScheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    const block = this.#block;
    if (block.count === 0) return;
    this.counters.packetsReceived += block.count;
    this.#onBlock(block);
    block.count = 0;
    this.#used = 0;
    if (performance.now() >= this.#closeAtMs) this.#close();
  }
}
