import { setTimeout as delay } from "node:timers/promises";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { ConsumerInfo, JetStreamManager } from "@nats-io/jetstream";
import { headers } from "@nats-io/transport-node";
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { decodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import type { FlowDelivery, FlowSource, FlowSourceCounters } from "../../flows/flow-source.js";
import {
  acknowledge,
  ColumnsPool,
  extend,
  giveBack,
  messageOrigin,
  NatsFlowDelivery,
} from "./flow-delivery.js";
import type { MessageOrigin } from "./flow-delivery.js";
import { decodeGap } from "./gap-decoder.js";
import type { SensorGap } from "./gap-decoder.js";
import { isJetstreamCode, jetstreamCodes, natsFailure } from "./nats-failure.js";
import type { NatsLink } from "./nats-link.js";
import { PullQueue } from "./pull-queue.js";
import * as subjects from "./subjects.js";
import { untilAborted } from "../../until-aborted.js";

export interface NatsFlowSourceOptions {
  /** A gap record; the message counts as handled when the promise resolves. */
  readonly onGap: (sensor: string, gap: SensorGap) => Promise<void>;
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
const idleWaitMs = 1000;
const floorLookupMs = 1000;
const restAfterFailureMs = 500;

const defaults = {
  groupMessagesMax: 256,
  groupBytesMax: 4 * 1024 * 1024,
  pendingMessagesMax: 1024,
  retryDelayMs: 1000,
};

/** Flow batches of the FLOWS stream through the durable consumer that all correlators share. */
export class NatsFlowSource implements FlowSource {
  readonly counters: FlowSourceCounters = { batchesReceived: 0, flowsReceived: 0, batchesRejected: {} };
  readonly #link: NatsLink;
  readonly #options: NatsFlowSourceOptions & typeof defaults;
  readonly #stop = new AbortController();
  readonly #pool = new ColumnsPool();
  readonly #inHand = new Set<NatsFlowDelivery>();
  readonly #floor: AcknowledgementFloor;
  #running: Promise<void> = Promise.resolve();

  constructor(link: NatsLink, options: NatsFlowSourceOptions) {
    this.#link = link;
    this.#options = { ...defaults, ...options };
    this.#floor = new AcknowledgementFloor(link);
  }

  run(onDeliveries: (deliveries: readonly FlowDelivery[]) => Promise<void>): Promise<void> {
    this.#running = this.#run(onDeliveries);
    return this.#running;
  }

  acknowledgedUntilMs(): Promise<number> {
    return this.#floor.read(Date.now());
  }

  async stop(): Promise<void> {
    this.#stop.abort();
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
        await delay(restAfterFailureMs, undefined, { signal }).catch(() => {});
      }
    }
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
      while (!this.#stop.signal.aborted) {
        const messages = await queue.take(idleWaitMs);
        if (messages === "missing") throw new Error(`consumer ${subjects.correlatorsConsumer} is gone`);
        const deliveries = await this.#sort(messages);
        if (deliveries.length === 0) continue;
        const group = onDeliveries(deliveries)
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

  /** Batches to deliver; gap records are handed over and what cannot be used is set aside. */
  async #sort(messages: readonly Msg[]): Promise<FlowDelivery[]> {
    const deliveries: FlowDelivery[] = [];
    for (const message of messages) {
      const origin = messageOrigin(message.reply);
      if (origin === undefined) continue;
      if (message.subject.startsWith(subjects.gapsPrefix)) await this.#takeGap(message);
      else {
        const delivery = this.#decode(message, origin);
        if (typeof delivery === "string") await this.#reject(message, delivery);
        else deliveries.push(delivery);
      }
    }
    return deliveries;
  }

  /** The delivery, or why the batch cannot be used. */
  #decode(message: Msg, origin: MessageOrigin): NatsFlowDelivery | string {
    const sensor = subjects.sensorOfSubject(message.subject, subjects.flowsPrefix);
    if (sensor === undefined) return "sensor-name";
    const columns = this.#pool.take();
    const fault = decodeFlowBatch(message.data, columns);
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
    );
    this.#inHand.add(delivery);
    this.counters.batchesReceived++;
    this.counters.flowsReceived += columns.length;
    return delivery;
  }

  async #takeGap(message: Msg): Promise<void> {
    const sensor = subjects.sensorOfSubject(message.subject, subjects.gapsPrefix);
    const gap = decodeGap(message.data);
    if (sensor === undefined || gap === undefined) return await this.#reject(message, "gap-record");
    try {
      await this.#options.onGap(sensor, gap);
      acknowledge(message);
    } catch (error) {
      giveBack(message, this.#options.retryDelayMs);
      this.#options.onFailure?.(natsFailure(error, "record a gap"));
    }
  }

  /** Keeps the message in REJECTED for a person to look at, then acknowledges it. */
  async #reject(message: Msg, reason: string): Promise<void> {
    const noted = headers();
    noted.set(subjects.reasonHeader, reason);
    const token = message.subject.slice(message.subject.lastIndexOf(".") + 1);
    try {
      await jetstream(this.#link.current()).publish(subjects.rejectedPrefix + token, message.data, {
        headers: noted,
      });
      acknowledge(message);
      this.counters.batchesRejected[reason] = (this.counters.batchesRejected[reason] ?? 0) + 1;
    } catch (error) {
      giveBack(message, this.#options.retryDelayMs);
      this.#options.onFailure?.(natsFailure(error, "set a bad batch aside"));
    }
  }
}

/** Until when everything stored was acknowledged by some correlator, looked up at most once a second. */
class AcknowledgementFloor {
  #untilMs = 0;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<number> | undefined;

  constructor(private readonly link: NatsLink) {}

  /** Never goes back; throws PicketError SERVER_UNREACHABLE when it cannot be known. */
  async read(nowMs: number): Promise<number> {
    if (nowMs - this.#readAtMs < floorLookupMs) return this.#untilMs;
    this.#reading ??= this.#lookUp(nowMs).finally(() => {
      this.#reading = undefined;
    });
    return await this.#reading;
  }

  async #lookUp(nowMs: number): Promise<number> {
    try {
      const manager = await jetstreamManager(this.link.current(), { checkAPI: false });
      const info = await manager.consumers.info(subjects.flowsStream, subjects.correlatorsConsumer);
      const untilMs = await floorMs(manager, info, nowMs);
      this.#untilMs = Math.max(this.#untilMs, untilMs);
      this.#readAtMs = nowMs;
      return this.#untilMs;
    } catch (error) {
      throw natsFailure(error, "look up the acknowledgement floor");
    }
  }
}

/** Now when nothing is outstanding, else when the message at the floor was stored; 0 when that one is gone. */
async function floorMs(manager: JetStreamManager, info: ConsumerInfo, nowMs: number): Promise<number> {
  if (info.num_pending === 0 && info.num_ack_pending === 0) return nowMs;
  if (info.ack_floor.stream_seq === 0) return 0;
  try {
    const message = await manager.streams.getMessage(subjects.flowsStream, {
      seq: info.ack_floor.stream_seq,
    });
    return message?.time.getTime() ?? 0;
  } catch (error) {
    if (isJetstreamCode(error, jetstreamCodes.noMessage)) return 0;
    throw error;
  }
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
