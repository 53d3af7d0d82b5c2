import type { Socket } from "node:net";

/** What happens to the bytes of one direction; everything may change while they flow. */
export interface DirectionFaults {
  /** Bytes arrive this much later, milliseconds. */
  latencyMs: number;
  /** Most bytes a second; Infinity without limit. */
  bytesPerSecond: number;
  /** Nothing arrives any more, not even an end; what was sent meanwhile comes when it lives again, as with TCP. */
  isDead: boolean;
  /** The connection is reset after this many further bytes of this direction; Infinity never. */
  cutAfterBytes: number;
}

/** A direction without faults. */
export function noFaults(): DirectionFaults {
  return { latencyMs: 0, bytesPerSecond: Infinity, isDead: false, cutAfterBytes: Infinity };
}

/** Bytes held for one direction of a connection; the sender waits for more room. */
const heldBytesMax = 256 * 1024;
/** A slow direction gives its bytes in pieces of this time. */
const pieceMs = 20;

interface Held {
  readonly bytes: Buffer;
  readonly dueMs: number;
}

/** One direction of a proxied connection: bytes of `from` come out at `to` as the faults say. */
export class FaultyPipe {
  readonly #held: Held[] = [];
  #heldBytes = 0;
  #isEnded = false;
  #freeAtMs = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param faults shared with the proxy, read at every step
   * @param onBytes told of bytes that went on
   * @param onCut told when `cutAfterBytes` is reached
   */
  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    private readonly faults: DirectionFaults,
    private readonly onBytes: (bytes: number) => void,
    private readonly onCut: () => void,
  ) {
    from.on("data", (bytes: Buffer) => this.#take(bytes));
    from.on("end", () => {
      this.#isEnded = true;
      this.pump();
    });
    to.on("drain", () => this.pump());
  }

  /** Gives on what is due; call after a change of the faults. */
  pump(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (!this.faults.isDead && !this.to.destroyed && !this.to.writableNeedDrain) {
      const head = this.#held[0];
      if (head === undefined) {
        if (this.#isEnded && !this.to.writableEnded) this.to.end();
        break;
      }
      const waitMs = Math.max(head.dueMs, this.#freeAtMs) - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.pump(), Math.ceil(waitMs)).unref();
        break;
      }
      this.#give(head);
    }
    if (this.#heldBytes < heldBytesMax && this.from.isPaused()) this.from.resume();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#held.length = 0;
    this.#heldBytes = 0;
  }

  #take(bytes: Buffer): void {
    this.#held.push({ bytes, dueMs: performance.now() + this.faults.latencyMs });
    this.#heldBytes += bytes.length;
    if (this.#heldBytes >= heldBytesMax) this.from.pause();
    this.pump();
  }

  #give({ bytes, dueMs }: Held): void {
    const { faults } = this;
    const pieceBytes = Math.max(1, Math.floor((faults.bytesPerSecond * pieceMs) / 1000));
    const length = Math.min(bytes.length, pieceBytes, faults.cutAfterBytes);
    const rest = bytes.subarray(length);
    if (rest.length === 0) this.#held.shift();
    else this.#held[0] = { bytes: rest, dueMs };
    this.#heldBytes -= length;
    this.#freeAtMs = performance.now() + (length * 1000) / faults.bytesPerSecond;
    if (length > 0) this.to.write(bytes.subarray(0, length));
    this.onBytes(length);
    if (faults.cutAfterBytes === Infinity) return;
    faults.cutAfterBytes -= length;
    if (faults.cutAfterBytes > 0) return;
    faults.cutAfterBytes = Infinity;
    this.onCut();
  }
}
