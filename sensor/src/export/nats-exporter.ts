import { createHash, randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { headers, type Msg, type NatsConnection } from "@nats-io/transport-node";
import type { RateLimitedLog } from "../log.js";
import { decodeApplied } from "./applied-codec.js";
import { withBatchIdentity } from "./batch-identity.js";
import { newFlowExporterCounters, type FlowExporter } from "./flow-exporter.js";
import { encodeGap } from "./gap-codec.js";
import type { FlowTotals, Gap } from "./gap.js";
import { readPublishAnswer, type PublishAnswer } from "./publish-answer.js";
import { PublishWindow, type InFlight } from "./publish-window.js";
import { noTotals, type Spool, type SpoolEntry, type SpoolItem } from "./spool.js";
import { appliedSubject, flowsSubject, gapsSubject, sentAtHeader } from "./subjects.js";

export interface NatsExporterOptions {
  /** The sensor's name. */
  readonly sensor: string;
  /** 16 bytes, random per process start. */
  readonly epoch: Uint8Array;
  readonly spool: Spool;
  readonly inboxPrefix: string;
  readonly inFlightMax: number;
  readonly inFlightBytesMax: number;
  readonly timeoutMs: number;
  /**
   * How long a batch is kept after its acknowledgement when no correlator says
   * that it is applied: twice the interval at which the server syncs to its disk.
   */
  readonly retainMs?: number;
  readonly log: RateLimitedLog;
  /** Microseconds since the Unix epoch. */
  readonly nowUs: () => number;
}

const tickIntervalMs = 200;
/** While nothing waits for an answer or a pause to end: waking up is what an idle sensor costs. */
const idleTickIntervalMs = 2000;
const firstPauseMs = 250;
const lastPauseMs = 10_000;
const retryTimeoutMaxMs = 30_000;
/** NATS syncs every 60 s before 2.10 and every 120 s since. */
const defaultRetainMs = 240_000;

/**
 * Batches and gaps to JetStream: kept in the spool until a correlator applied
 * them, published with a bounded number in flight, live ones before backlog, and
 * sent again with the same message id as often as it takes. A server that ends
 * hard may lose what it acknowledged: after every outage, and when the stream
 * counts from less than before, what is not applied yet is sent again.
 */
export class NatsExporter implements FlowExporter {
  readonly counters = newFlowExporterCounters();
  readonly epoch: Uint8Array;
  readonly #window: PublishWindow;
  readonly #inbox: string;
  readonly #idPrefix: string;
  #sequence = 0;
  #connection: NatsConnection | undefined;
  #isUp = false;
  #trouble: string | undefined = "not connected to nats yet";
  /** Nothing is sent before; one entry at a time until the first is acknowledged. */
  #pausedUntilMs = 0;
  #pauseMs = 0;
  /** Where the stream put the last batch. */
  #streamSequence = 0;
  #timer: NodeJS.Timeout | undefined;
  #isTickingSlowly = false;

  constructor(private readonly options: NatsExporterOptions) {
    this.epoch = options.epoch;
    this.#window = new PublishWindow(options.inFlightMax, options.inFlightBytesMax);
    this.#inbox = `${options.inboxPrefix}.${randomBytes(8).toString("hex")}`;
    this.#idPrefix = `${options.sensor}:${Buffer.from(options.epoch).toString("hex")}:`;
  }

  get fault(): string | undefined {
    return this.options.spool.fault ?? this.#trouble;
  }

  get inFlight(): { batches: number; bytes: number } {
    return { batches: this.#window.size, bytes: this.#window.bytes };
  }

  start(): void {
    this.#tickLater();
  }

  /** The connection stands, for the first time or again: what is not known to be applied is sent again. */
  onUp(connection: NatsConnection): void {
    if (this.#connection !== connection) {
      this.#connection = connection;
      connection.subscribe(`${this.#inbox}.*`, {
        callback: (error, message) => this.#onAnswer(error, message),
      });
      connection.subscribe(appliedSubject(this.options.sensor), {
        callback: (error, message) => this.#onApplied(error, message),
      });
    }
    this.options.spool.resend();
    this.#isUp = true;
    this.#trouble = undefined;
    this.#resume();
    for (const inFlight of this.#window) inFlight.dueMs = 0;
    this.#tick();
  }

  onDown(reason: string): void {
    this.#isUp = false;
    this.#trouble = reason;
  }

  exportBatch(bytes: Uint8Array, totals: FlowTotals): void {
    const sequence = ++this.#sequence;
    this.counters.batchesExported++;
    this.counters.recordsExported += totals.records;
    const item: SpoolItem = {
      kind: "batch",
      epoch: this.epoch,
      sequence,
      bytes: withBatchIdentity(bytes, this.epoch, sequence),
      totals,
    };
    if (!this.#maySend() || !this.#window.hasRoom(item.bytes.length)) return this.options.spool.append(item);
    this.#send(this.#window.add(this.options.spool.appendClaimed(item), false));
  }

  exportGap(gap: Omit<Gap, "epoch">): void {
    this.counters.gapsExported++;
    const bytes = encodeGap({ ...gap, epoch: this.epoch });
    this.options.spool.append({ kind: "gap", epoch: this.epoch, sequence: 0, bytes, totals: noTotals });
    this.#pump();
  }

  async stop(deadlineMs: number): Promise<void> {
    const endMs = performance.now() + deadlineMs;
    this.#pump();
    while (this.#isUp && this.#window.size > 0 && performance.now() < endMs) await delay(10);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isUp = false;
    for (const inFlight of this.#window) this.options.spool.release(inFlight.entry);
    await this.options.spool.close();
  }

  get #retainUs(): number {
    return (this.options.retainMs ?? defaultRetainMs) * 1000;
  }

  #maySend(): boolean {
    return (
      this.#isUp &&
      performance.now() >= this.#pausedUntilMs &&
      (this.#pauseMs === 0 || this.#window.size === 0)
    );
  }

  #tickLater(): void {
    clearTimeout(this.#timer);
    this.#isTickingSlowly = this.#window.size === 0 && this.#pauseMs === 0;
    const delayMs = this.#isTickingSlowly ? idleTickIntervalMs : tickIntervalMs;
    this.#timer = setTimeout(() => {
      this.#tick();
      this.#tickLater();
    }, delayMs);
  }

  #tick(): void {
    const nowMs = performance.now();
    if (this.#isUp && nowMs >= this.#pausedUntilMs) this.#sendDue(nowMs);
    // Only while the server lives, which then syncs what it acknowledged.
    if (this.#isUp) this.options.spool.expire(this.options.nowUs() - this.#retainUs);
    this.#pump();
  }

  #sendDue(nowMs: number): void {
    for (const inFlight of this.#window) {
      if (inFlight.dueMs > nowMs) continue;
      // Due by time and not because something was said.
      if (inFlight.dueMs > 0) this.#trouble = "the stream does not acknowledge what is published";
      this.#send(inFlight);
      if (this.#pauseMs > 0) return;
    }
  }

  /** Backlog, as far as it has room. */
  #pump(): void {
    while (this.#maySend() && this.#window.hasBacklogRoom()) {
      const entry = this.options.spool.next();
      if (entry === undefined) return;
      this.#send(this.#window.add(entry, true));
    }
  }

  #send(inFlight: InFlight): void {
    const { entry } = inFlight;
    if (this.#isTickingSlowly && this.#timer !== undefined) this.#tickLater();
    inFlight.attempts++;
    if (inFlight.attempts > 1) this.counters.batchesRetried++;
    else if (entry.isResent) this.counters.batchesResent++;
    const waitMs = Math.min(this.options.timeoutMs * inFlight.attempts, retryTimeoutMaxMs);
    inFlight.dueMs = performance.now() + waitMs * (0.9 + Math.random() / 5);
    const messageHeaders = headers();
    messageHeaders.set("Nats-Msg-Id", this.#messageId(entry));
    messageHeaders.set(sentAtHeader, String(Math.round(this.options.nowUs())));
    const subject =
      entry.kind === "gap" ? gapsSubject(this.options.sensor) : flowsSubject(this.options.sensor);
    try {
      this.#connection?.publish(subject, entry.bytes, {
        headers: messageHeaders,
        reply: `${this.#inbox}.${inFlight.id}`,
      });
      this.counters.batchesPublished++;
    } catch (error) {
      this.#onPublishError(inFlight, error);
    }
  }

  #messageId(entry: SpoolEntry): string {
    const isOwn = entry.epoch === this.epoch;
    const prefix = isOwn
      ? this.#idPrefix
      : `${this.options.sensor}:${Buffer.from(entry.epoch).toString("hex")}:`;
    if (entry.kind === "batch") return prefix + entry.sequence;
    return `${prefix}gap-${createHash("sha256").update(entry.bytes).digest("hex").slice(0, 32)}`;
  }

  /** The client throws for a message above the server's limit; anything else is a closing connection. */
  #onPublishError(inFlight: InFlight, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    if (/max_payload/.test(reason)) this.#onRefused(inFlight, reason);
  }

  #onAnswer(error: Error | null, message: Msg): void {
    if (error !== null) return;
    const inFlight = this.#window.get(Number(message.subject.slice(this.#inbox.length + 1)));
    if (inFlight === undefined) return;
    const answer = readPublishAnswer(message);
    if (answer.kind === "stored") this.#onStored(inFlight, answer);
    else if (answer.kind === "refused") this.#onRefused(inFlight, answer.reason);
    else this.#onLater(inFlight, answer);
    this.#pump();
  }

  #onStored(inFlight: InFlight, answer: Extract<PublishAnswer, { kind: "stored" }>): void {
    const { entry } = inFlight;
    this.#window.remove(inFlight);
    this.#trouble = undefined;
    this.#resume();
    this.options.spool.acknowledged(entry, this.options.nowUs());
    if (!entry.isResent) this.#countAcknowledged(entry);
    if (!answer.isDuplicate) {
      // Gaps may be kept in another stream.
      if (entry.kind === "batch") this.#follow(answer.streamSequence);
      return;
    }
    if (inFlight.attempts > 1 || inFlight.isBacklog) return;
    this.counters.batchesDuplicate++;
    this.options.log.warn(
      "duplicate",
      "the stream knew a batch that was never sent: its message id was used by another",
    );
  }

  #countAcknowledged(entry: SpoolEntry): void {
    if (entry.kind === "gap") return void this.counters.gapsAcknowledged++;
    this.counters.batchesAcknowledged++;
    this.counters.recordsAcknowledged += entry.totals.records;
  }

  /** A stream that counts from less than before has lost its end, or was made anew. */
  #follow(streamSequence: number): void {
    const isShorter = streamSequence <= this.#streamSequence;
    this.#streamSequence = streamSequence;
    if (!isShorter) return;
    this.options.log.warn("rollback", "the stream lost its end: sending again what is not applied yet");
    this.options.spool.resend();
  }

  #onApplied(error: Error | null, message: Msg): void {
    if (error !== null) return;
    const applied = decodeApplied(message.data);
    if (applied === undefined) return;
    this.options.spool.applied(applied.epoch, applied.floorSequence);
    if (Buffer.compare(applied.epoch, this.epoch) !== 0) return;
    this.counters.appliedSequence = Math.max(this.counters.appliedSequence, applied.floorSequence);
  }

  #onRefused(inFlight: InFlight, reason: string): void {
    const { entry } = inFlight;
    this.#window.remove(inFlight);
    this.options.spool.delivered(entry);
    if (entry.kind === "gap" || entry.isResent) return;
    this.counters.batchesRefused++;
    this.counters.recordsRefused += entry.totals.records;
    this.options.log.warn("refused", `the stream refused a batch: ${reason}`);
    const gap: Gap = {
      ...entry.totals,
      epoch: entry.epoch,
      firstSequence: entry.sequence,
      lastSequence: entry.sequence,
      reason: "refused",
    };
    this.options.spool.append({
      kind: "gap",
      epoch: entry.epoch,
      sequence: 0,
      bytes: encodeGap(gap),
      totals: noTotals,
    });
  }

  #onLater(inFlight: InFlight, answer: Extract<PublishAnswer, { kind: "absent" | "later" }>): void {
    this.#trouble =
      answer.kind === "absent"
        ? "no stream takes the flows: waiting for a correlator to create it"
        : `the stream takes nothing now: ${answer.reason}`;
    this.options.log.warn(answer.kind, `${this.#trouble}; spooling`);
    inFlight.dueMs = 0;
    const nowMs = performance.now();
    if (nowMs < this.#pausedUntilMs) return;
    this.#pauseMs = Math.min(Math.max(firstPauseMs, this.#pauseMs * 2), lastPauseMs);
    this.#pausedUntilMs = nowMs + this.#pauseMs * (0.75 + Math.random() / 2);
  }

  #resume(): void {
    this.#pauseMs = 0;
    this.#pausedUntilMs = 0;
  }
}
