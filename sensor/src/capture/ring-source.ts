import { PicketError } from "@picket/proto/picket-error.js";
import type { PacketBlock, PacketSource, PacketSourceCounters, PacketSourceState } from "./packet-source.js";
import { type InterfaceFacts, loadRingBinding, type RingBinding, type RingHandle } from "./ring-binding.js";
import { RingBlockReader } from "./ring-block.js";

export interface RingSourceOptions {
  /** Name of the interface, or any. */
  readonly interface: string;
  /** libpcap filter expression; empty captures everything. */
  readonly filter: string;
  /** Bytes kept of each packet. */
  readonly snapLengthBytes: number;
  /** Memory shared with the kernel, rounded to blocks of 1 MiB or less. */
  readonly ringBytes: number;
  readonly promiscuous?: boolean;
  /** Stamps of the network card where it makes them, else the kernel's. */
  readonly hardwareTimestamps?: boolean;
  /** Sources of one group share the packets of an interface by flow. */
  readonly fanoutGroup?: number;
}

const blockBytesMax = 1 << 20;
/** So many blocks at least: one that fills, others that wait. */
const blocksMin = 8;
/** Packets of a block that is not full come this late. */
export const ringRetireMs = 20;
const drainMs = 2 * ringRetireMs;
const watchIntervalMs = 1000;
const retryIntervalMs = 250;

/** Errors of an interface that is not there or not up, now. */
const interfaceErrors = new Set(["ENODEV", "ENXIO", "ENETDOWN"]);

/**
 * Packets of an interface from an AF_PACKET ring (TPACKET_V3), read where the
 * kernel wrote them, with its time stamps and drop counts. While the interface is
 * down or gone the source waits, and captures again when there is one of its name.
 */
export class RingSource implements PacketSource {
  readonly name: string;
  /** Times the kernel found every block taken. */
  freezes = 0;
  #received = 0;
  #dropped = 0;
  #corrupt = 0;
  /** Packets the kernel put into the ring that is open. */
  #written = 0;
  #ring: RingHandle | undefined;
  #reader: RingBlockReader | undefined;
  #timer: NodeJS.Timeout | undefined;
  #wasRunning = false;
  #isStopping = false;
  #onBlock: (block: PacketBlock) => void = () => {};
  #onState: (state: PacketSourceState) => void = () => {};
  #onEnd: () => void = () => {};
  #onFailure: (error: unknown) => void = () => {};

  /** Throws PicketError CAPTURE_FAILED where there is no addon. */
  constructor(
    private readonly options: RingSourceOptions,
    private readonly binding: RingBinding = loadRingBinding(),
  ) {
    this.name = options.interface;
  }

  /** The ring holds packets that were not delivered yet: the clock is ahead of them. */
  get isBehind(): boolean {
    return this.#reader?.isBehind ?? false;
  }

  /** Up to date when read: the kernel's own counts are fetched. */
  get counters(): PacketSourceCounters {
    this.#readStatistics();
    return {
      packetsReceived: this.#received + (this.#reader?.packets ?? 0),
      packetsDropped: this.#dropped,
      recordsCorrupt: this.#corrupt + (this.#reader?.recordsCorrupt ?? 0),
    };
  }

  /**
   * Captures until `stop`. Rejects with PicketError CAPTURE_DENIED, or with
   * CAPTURE_FAILED when the kernel has no such ring or the filter is none
   * (field `filter`); an interface that is away is waited for.
   */
  run(
    onBlock: (block: PacketBlock) => void,
    onState: (state: PacketSourceState) => void = () => {},
  ): Promise<void> {
    this.#onBlock = onBlock;
    this.#onState = onState;
    return new Promise((resolve, reject) => {
      this.#onEnd = resolve;
      this.#onFailure = reject;
      this.#start();
    });
  }

  /** Takes what the kernel already has, for 40 ms, and closes. */
  async stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    clearTimeout(this.#timer);
    if (this.#ring !== undefined) await new Promise((resolve) => setTimeout(resolve, drainMs));
    this.#close();
    this.#onEnd();
  }

  #start(): void {
    try {
      this.#open();
    } catch (error) {
      const code = String((error as NodeJS.ErrnoException).code);
      if (!this.#wasRunning && !interfaceErrors.has(code))
        return this.#onFailure(this.#failureOf(error, code));
      this.#wait(this.#blockedReason() ?? this.#failureOf(error, code).message);
    }
  }

  #open(): void {
    this.#checkFilter();
    const blockBytes = blockBytesFor(this.options.ringBytes);
    const ring = this.binding.open(
      {
        interface: this.options.interface,
        filter: this.options.filter,
        snapLengthBytes: this.options.snapLengthBytes,
        blockBytes,
        blockCount: Math.floor(this.options.ringBytes / blockBytes),
        retireMs: ringRetireMs,
        promiscuous: this.options.promiscuous ?? true,
        hardwareTimestamps: this.options.hardwareTimestamps ?? false,
        fanoutGroup: this.options.fanoutGroup ?? -1,
      },
      (blockOffset, firstPacketOffset, packets) => reader.read(blockOffset, firstPacketOffset, packets),
      (code) => this.#onError(code),
    );
    const loopbackIndex = this.options.interface === "any" ? this.binding.interfaceFacts("lo").index : 0;
    const onBlock = (block: PacketBlock) => this.#onBlock(block);
    const reader = new RingBlockReader(ring.memory, blockBytes, ring.isCooked, loopbackIndex, onBlock);
    this.#ring = ring;
    this.#reader = reader;
    this.#written = 0;
    this.#wasRunning = true;
    this.#onState({ kind: "running" });
    this.#watchIn(watchIntervalMs);
  }

  /** The kernel takes tags and link layers away before the filter sees the packet. */
  #checkFilter(): void {
    const { filter, interface: name } = this.options;
    const word = /\bvlan\b/.exec(filter) ?? (name === "any" ? /\b(r?arp|ether)\b/.exec(filter) : null);
    if (word === null) return;
    const message = `the capture ring cannot filter by ${word[0]}`;
    throw Object.assign(new Error(message), { code: "EFILTER" });
  }

  /** The interface went down or away; what the ring holds of it is still taken. */
  #onError(code: string): void {
    if (this.#isStopping) return;
    this.#onState({ kind: "waiting", reason: this.#blockedReason() ?? this.#lostReason(code) });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#reopen(), drainMs);
  }

  #watchIn(delayMs: number): void {
    this.#timer = setTimeout(() => this.#watch(), delayMs);
  }

  /** The name may be another interface's by now, without an error: renaming is none. */
  #watch(): void {
    this.#readStatistics();
    const facts = this.#facts();
    const isSame = facts.exists && facts.index === this.#ring?.interfaceIndex;
    if (isSame) this.#watchIn(watchIntervalMs);
    else this.#reopen();
  }

  #reopen(): void {
    this.#close();
    this.#start();
  }

  #wait(reason: string): void {
    this.#onState({ kind: "waiting", reason });
    this.#timer = setTimeout(() => this.#tryAgain(), retryIntervalMs);
  }

  /** Looks at the interface first: that is cheaper than a ring. */
  #tryAgain(): void {
    const blocked = this.#blockedReason();
    if (blocked === undefined) this.#start();
    else this.#wait(blocked);
  }

  #close(): void {
    const [ring, reader] = [this.#ring, this.#reader];
    if (ring === undefined || reader === undefined) return;
    this.#readStatistics();
    this.#received += reader.packets;
    this.#corrupt += reader.recordsCorrupt;
    // What the ring still holds is lost like what never got into it.
    this.#dropped += Math.max(0, this.#written - reader.packetsRead);
    this.#ring = this.#reader = undefined;
    this.binding.close(ring);
  }

  #readStatistics(): void {
    if (this.#ring === undefined) return;
    const statistics = this.binding.statistics(this.#ring);
    if (statistics === undefined) return;
    this.#written += statistics.packets - statistics.drops;
    this.#dropped += statistics.drops;
    this.freezes += statistics.freezes;
  }

  #facts(): InterfaceFacts {
    return this.binding.interfaceFacts(this.options.interface);
  }

  #blockedReason(): string | undefined {
    const { exists, isUp } = this.#facts();
    if (exists && isUp) return undefined;
    return `interface ${this.name} is ${exists ? "down" : "gone"}`;
  }

  #lostReason(code: string): string {
    return `the ring of interface ${this.name} reports ${code}`;
  }

  #failureOf(error: unknown, code: string): PicketError {
    const reason = error instanceof Error ? error.message : String(error);
    const isDenied = code === "EPERM" || code === "EACCES";
    const isFilter = code === "EFILTER";
    return new PicketError(
      isDenied ? "CAPTURE_DENIED" : "CAPTURE_FAILED",
      isFilter ? reason : `interface ${this.name} cannot be opened: ${reason}`,
      { cause: error, ...(isFilter ? { field: "filter" } : {}) },
    );
  }
}

/** A power of two from 64 KiB to 1 MiB, so that the ring has at least eight blocks. */
function blockBytesFor(ringBytes: number): number {
  let blockBytes = blockBytesMax;
  while (blockBytes > 65_536 && ringBytes / blockBytes < blocksMin) blockBytes >>= 1;
  return blockBytes;
}
