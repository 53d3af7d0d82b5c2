import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import type { JetStreamManager } from "@nats-io/jetstream";
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { decodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { batchTimeFault } from "../../flows/batch-times.js";
import type { FlowDelivery, FlowSource, FlowSourceCounters } from "../../flows/flow-source.js";
import type { ReportedGap } from "../../sensors/batch-account.js";
import type { SensorRegistry } from "../../sensors/sensor-registry.js";
import { AcknowledgementFloor } from "./acknowledgement-floor.js";
import {
  acknowledge,
  ColumnsPool,
  extend,
  giveBack,
  messageOrigin,
  NatsFlowDelivery,
  sentMsOf,
} from "./flow-delivery.js";
import type { MessageOrigin } from "./flow-delivery.js";
import { decodeGap } from "./gap-decoder.js";
import { isJetstreamCode, jetstreamCodes, natsFailure } from "./nats-failure.js";
import type { NatsLink } from "./nats-link.js";
import { PullQueue } from "./pull-queue.js";
import { QuotaWatch } from "./quota-watch.js";
import { RejectedLog } from "./rejected-log.js";
import { ServerClock } from "./server-clock.js";
import * as subjects from "./subjects.js";
import { untilAborted } from "../../until-aborted.js";

export interface NatsFlowSourceOptions {
  /** Where gap records and batches that cannot be used are counted, before they are acknowledged. */
  readonly accounts: Pick<SensorRegistry, "recordApplied" | "recordGaps" | "recordRejected">;
  /** Told every 10 s of sensors whose batches the stream drops before they are applied. */
  readonly onOverQuota?: (sensors: readonly string[]) => Promise<void>;
  /** Told of what keeps the source from its work; it goes on by itself. */
  readonly onFailure?: (error: Error) => void;
  readonly groupMessagesMax?: number;
  readonly groupBytesMax?: number;
  /** Unacknowledged batches of all correlators together. */
  readonly pendingMessagesMax?: number;
  /** How long a batch that was given back rests, milliseconds. */
  readonly retryDelayMs?: number;
}

/** A batch is another correlator's when it was neither acknowledged nor extended for this long. */
const acknowledgeWithinMs = 5000;
const extendEveryMs = 2000;
/** One group is worked out while the stores take in the one before. */
const groupsInHandMax = 2;
/** A group costs the servers the same for one batch as for many: those that are not full begin so far apart. */
const groupEveryMs = 100;
const idleWaitMs = 1000;
const restAfterFailureMs = 500;

const defaults = {
  groupMessagesMax: 256,
  groupBytesMax: 4 * 1024 * 1024,
  pendingMessagesMax: 1024,
  retryDelayMs: 1000,
};

/** Flow batches of the FLOWS stream through the durable consumer that all correlators share. */
export class NatsFlowSource implements FlowSource {
  readonly counters: FlowSourceCounters = {
    batchesReceived: 0,
    flowsReceived: 0,
    batchesRejected: {},
    rejectedNotKept: 0,
  };
  readonly #link: NatsLink;
  readonly #options: NatsFlowSourceOptions & typeof defaults;
  readonly #stop = new AbortController();
  readonly #pool = new ColumnsPool();
  readonly #inHand = new Set<NatsFlowDelivery>();
  readonly #clock = new ServerClock();
  readonly #floor: AcknowledgementFloor;
  readonly #rejected: RejectedLog;
  readonly #quota: QuotaWatch;
  #running: Promise<void> = Promise.resolve();

  constructor(link: NatsLink, options: NatsFlowSourceOptions) {
    this.#link = link;
    this.#options = { ...defaults, ...options };
    this.#floor = new AcknowledgementFloor(link, this.#clock);
    this.#rejected = new RejectedLog(link, (error) => this.#options.onFailure?.(error));
    this.#quota = new QuotaWatch(link, options.onOverQuota ?? (() => Promise.resolve()));
  }

  run(onDeliveries: (deliveries: readonly FlowDelivery[]) => Promise<void>): Promise<void> {
    if (this.#options.onOverQuota !== undefined) this.#quota.start();
    this.#running = this.#run(onDeliveries);
    return this.#running;
  }

  acknowledgedUntilMs(): Promise<number> {
    return this.#floor.read();
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#quota.stop();
    await this.#running;
  }

  async #run(onDeliveries: (deliveries: readonly FlowDelivery[]) => Promise<void>): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const connection = await untilAborted(this.#link.ready(), signal);
        if (connection === undefined) return;
        await this.#consume(connection, onDeliveries);
      } catch (error) {
        if (this.#link.isConnected) this.#options.onFailure?.(natsFailure(error, "read flows"));
        await this.#rest(restAfterFailureMs);
      }
    }
  }

  async #rest(milliseconds: number): Promise<void> {
    await delay(milliseconds, undefined, { signal: this.#stop.signal }).catch(() => {});
  }

  /** Reads until stopped; throws when the consumer went missing or cannot be made. */
  async #consume(
    connection: NatsConnection,
    onDeliveries: (deliveries: readonly FlowDelivery[]) => Promise<void>,
  ): Promise<void> {
    await ensureConsumer(await jetstreamManager(this.#link.current(), { checkAPI: false }), this.#options);
    const queue = new PullQueue(connection, subjects.flowsStream, subjects.correlatorsConsumer, {
      messagesMax: this.#options.groupMessagesMax,
      bytesMax: this.#options.groupBytesMax,
      expiresMs: acknowledgeWithinMs,
    });
    const renew = (): void => queue.renew();
    this.#stop.signal.addEventListener("abort", renew);
    const forgetLink = this.#link.onConnected(renew);
    const extender = setInterval(() => this.#extend(queue), extendEveryMs);
    const groups = new Set<Promise<unknown>>();
    const failures: unknown[] = [];
    try {
      let dueMs = 0;
      while (!this.#stop.signal.aborted) {
        await queue.gather(dueMs - performance.now());
        const messages = await queue.take(idleWaitMs);
        dueMs = performance.now() + groupEveryMs;
        if (messages === "missing") throw new Error(`consumer ${subjects.correlatorsConsumer} is gone`);
        const { deliveries, others } = this.#sort(messages);
        const work = [
          deliveries.length > 0 ? onDeliveries(deliveries) : undefined,
          others.length > 0 ? this.#account(others) : undefined,
        ];
        const group = Promise.all(work)
          .catch((error: unknown) => failures.push(error))
          .finally(() => groups.delete(group));
        groups.add(group);
        if (groups.size >= groupsInHandMax) await Promise.race(groups);
        if (failures.length > 0) throw failures[0];
      }
    } finally {
      await Promise.all(groups);
      this.#stop.signal.removeEventListener("abort", renew);
      forgetLink();
      clearInterval(extender);
      queue.close();
      for (const message of queue.waiting) giveBack(message, 0);
    }
  }

  #extend(queue: PullQueue): void {
    for (const delivery of this.#inHand) extend(delivery.message);
    for (const message of queue.waiting) extend(message);
  }

  /** Batches to deliver, and what is only counted: gap records and what cannot be used. */
  #sort(messages: readonly Msg[]): { deliveries: FlowDelivery[]; others: CountedMessage[] } {
    const deliveries: FlowDelivery[] = [];
    const others: CountedMessage[] = [];
    for (const message of messages) {
      const origin = messageOrigin(message.reply);
      if (origin === undefined) continue;
      this.#clock.observe(origin.storedMs);
      const sorted = message.subject.startsWith(subjects.gapsPrefix)
        ? readGap(message)
        : this.#decode(message, origin);
      if (sorted instanceof NatsFlowDelivery) deliveries.push(sorted);
      else others.push({ message, origin, content: sorted });
    }
    return { deliveries, others };
  }

  /** The delivery, or why the batch cannot be used. */
  #decode(message: Msg, origin: MessageOrigin): NatsFlowDelivery | string {
    const sensor = subjects.sensorOfSubject(message.subject, subjects.flowsPrefix);
    if (sensor === undefined) return "sensor-name";
    const columns = this.#pool.take();
    const fault =
      decodeFlowBatch(message.data, columns) ?? batchTimeFault(columns, origin.storedMs, sentMsOf(message));
    if (fault !== undefined) {
      this.#pool.give(columns);
      return fault;
    }
    const delivery = new NatsFlowDelivery(
      sensor,
      columns,
      message,
      origin,
      this.#options.retryDelayMs,
      (settled) => {
        this.#inHand.delete(settled);
        this.#pool.give(settled.columns);
      },
      (rejected, reason) => void this.#account([{ message: rejected, origin, content: reason }]),
    );
    this.#inHand.add(delivery);
    this.counters.batchesReceived++;
    this.counters.flowsReceived += columns.length;
    return delivery;
  }

  /** Counts, keeps what is bad, acknowledges; what could not be counted comes again. */
  async #account(messages: readonly CountedMessage[]): Promise<void> {
    try {
      const gaps = messages.map(({ content }) => content).filter((content) => typeof content !== "string");
      if (gaps.length > 0) await this.#options.accounts.recordGaps(gaps);
      await this.#countRejected(messages.filter(({ content }) => typeof content === "string"));
      for (const { message } of messages) acknowledge(message);
    } catch (error) {
      for (const { message } of messages) giveBack(message, this.#options.retryDelayMs);
      this.#options.onFailure?.(natsFailure(error, "count gaps and bad batches"));
    }
  }

  /** A bad batch is no longer waited for, so that the sensor need not keep it. */
  async #countRejected(messages: readonly CountedMessage[]): Promise<void> {
    if (messages.length === 0) return;
    const { accounts } = this.#options;
    await accounts.recordRejected(
      messages.map(({ message, origin, content }) => ({
        sensor: sensorOf(message),
        reason: String(content),
        identity: `${origin.streamSequence}-${origin.storedMs}`,
      })),
    );
    await accounts.recordApplied(
      messages.flatMap(({ message, origin }) => {
        const identity = batchIdentity(message);
        return identity === undefined ? [] : [{ ...identity, records: 0, ingestMs: origin.storedMs }];
      }),
    );
    await Promise.all(messages.map(({ message, content }) => this.#rejected.keep(message, String(content))));
    for (const { content } of messages) this.#noteRejected(String(content));
    this.counters.rejectedNotKept = this.#rejected.counters.rejectedNotKept;
  }

  #noteRejected(reason: string): void {
    this.counters.batchesRejected[reason] = (this.counters.batchesRejected[reason] ?? 0) + 1;
  }
}

/** A message that is not delivered: a gap, or why it cannot be used. */
interface CountedMessage {
  readonly message: Msg;
  readonly origin: MessageOrigin;
  readonly content: ReportedGap | string;
}

function readGap(message: Msg): ReportedGap | string {
  const sensor = subjects.sensorOfSubject(message.subject, subjects.gapsPrefix);
  const gap = decodeGap(message.data);
  return sensor === undefined || gap === undefined ? "gap-record" : { ...gap, sensor };
}

/** The subject's last token, which the server has authenticated. */
function sensorOf(message: Msg): string {
  return message.subject.slice(message.subject.lastIndexOf(".") + 1);
}

/** "sensor:epoch:sequence", as sensors name their messages. */
const messageIdPattern = /^([A-Za-z0-9_-]{1,64}):([0-9a-f]{32}):([1-9]\d{0,14})$/;

/** Which batch an unreadable message was to be, if its sensor says so. */
function batchIdentity(message: Msg): { sensor: string; epoch: string; sequence: number } | undefined {
  const [, sensor, epoch, sequence] = messageIdPattern.exec(message.headers?.get("Nats-Msg-Id") ?? "") ?? [];
  return sensor === undefined || sensor !== sensorOf(message)
    ? undefined
    : { sensor, epoch, sequence: Number(sequence) };
}

/** Creates the shared consumer, or brings an older one up to these settings. */
async function ensureConsumer(
  manager: JetStreamManager,
  settings: { readonly pendingMessagesMax: number },
): Promise<void> {
  const changeable = { ack_wait: acknowledgeWithinMs * 1e6, max_ack_pending: settings.pendingMessagesMax };
  try {
    await manager.consumers.info(subjects.flowsStream, subjects.correlatorsConsumer);
    await manager.consumers.update(subjects.flowsStream, subjects.correlatorsConsumer, changeable);
  } catch (error) {
    if (!isJetstreamCode(error, jetstreamCodes.consumerNotFound)) throw error;
    await manager.consumers.add(subjects.flowsStream, {
      durable_name: subjects.correlatorsConsumer,
      ack_policy: "explicit",
      deliver_policy: "all",
      max_deliver: -1,
      ...changeable,
    });
  }
}
