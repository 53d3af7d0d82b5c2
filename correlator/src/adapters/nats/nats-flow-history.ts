import { createHash } from "node:crypto";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { Consumer, ConsumerInfo, JetStreamManager, JsMsg } from "@nats-io/jetstream";
import { decodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { PicketError } from "@picket/proto/picket-error.js";
import { batchTimeFault } from "../../flows/batch-times.js";
import type { FlowHistory, HistoryPosition, HistoryStart, StoredBatch } from "../../rebuild/flow-history.js";
import { ColumnsPool, sentMsOf } from "./flow-delivery.js";
import { isJetstreamCode, jetstreamCodes, natsFailure } from "./nats-failure.js";
import type { NatsLink } from "./nats-link.js";
import * as subjects from "./subjects.js";

/** Batches handed over at once: their columns are the memory that a replay takes. */
const batchesPerGroup = 64;
const readAhead = 256;
const silentMsMax = 10_000;

/** The FLOWS stream, read through a consumer of its own that acknowledges nothing. */
export class NatsFlowHistory implements FlowHistory {
  constructor(private readonly link: NatsLink) {}

  async position(): Promise<HistoryPosition> {
    try {
      const manager = await jetstreamManager(this.link.current(), { checkAPI: false });
      const [{ created, state }, info] = await Promise.all([
        manager.streams.info(subjects.flowsStream),
        consumerInfo(manager),
      ]);
      const deliveredSequence = info?.delivered.stream_seq ?? 0;
      return {
        log: createHash("sha256").update(created).digest("hex").slice(0, 12),
        firstSequence: state.first_seq,
        lastSequence: state.last_seq,
        acknowledgedSequence: info?.ack_floor.stream_seq ?? 0,
        deliveredSequence,
        firstMs: state.messages === 0 ? 0 : Date.parse(state.first_ts),
        deliveredMs: await storedMs(manager, deliveredSequence),
      };
    } catch (error) {
      throw natsFailure(error, "look at the stored flows");
    }
  }

  async *read(
    start: HistoryStart,
    toSequence: number,
    signal: AbortSignal,
  ): AsyncGenerator<{ readonly batches: readonly StoredBatch[]; readonly sequence: number }> {
    const pool = new ColumnsPool();
    let messages: JsMsg[] = [];
    for await (const message of this.#messages(start, toSequence, signal)) {
      messages.push(message);
      if (messages.length < batchesPerGroup && message.seq < toSequence) continue;
      const batches = decodeAll(messages, pool);
      yield { batches, sequence: message.seq };
      for (const { columns } of batches) pool.give(columns);
      messages = [];
    }
    if (messages.length === 0) return;
    yield { batches: decodeAll(messages, pool), sequence: messages[messages.length - 1].seq };
  }

  /** Ends at the sequence, or at the last message there is when that comes before. */
  async *#messages(start: HistoryStart, toSequence: number, signal: AbortSignal): AsyncGenerator<JsMsg> {
    if (signal.aborted) return;
    try {
      const consumer = await jetstream(this.link.current()).consumers.get(
        subjects.flowsStream,
        "sequence" in start
          ? { deliver_policy: "by_start_sequence", opt_start_seq: Math.max(1, start.sequence) }
          : { deliver_policy: "by_start_time", opt_start_time: new Date(start.timeMs).toISOString() },
      );
      try {
        yield* this.#pull(consumer, toSequence, signal);
      } finally {
        if (this.link.isConnected) await consumer.delete().catch(() => {});
      }
    } catch (error) {
      throw natsFailure(error, "read the stored flows again");
    }
  }

  async *#pull(consumer: Consumer, toSequence: number, signal: AbortSignal): AsyncGenerator<JsMsg> {
    if ((await consumer.info()).num_pending === 0) return;
    const messages = await consumer.consume({ max_messages: readAhead, expires: 5000, idle_heartbeat: 2000 });
    const stop = (): void => messages.stop();
    const forgetLink = this.link.onConnected(stop);
    signal.addEventListener("abort", stop);
    let silent: NodeJS.Timeout | undefined;
    let isComplete = false;
    try {
      silent = setTimeout(stop, silentMsMax);
      for await (const message of messages) {
        silent.refresh();
        isComplete = message.seq >= toSequence || message.info.pending === 0;
        if (message.seq <= toSequence) yield message;
        if (isComplete || signal.aborted) return;
      }
    } finally {
      clearTimeout(silent);
      forgetLink();
      signal.removeEventListener("abort", stop);
      stop();
    }
    if (!isComplete && !signal.aborted)
      throw new PicketError("SERVER_UNREACHABLE", "nats: the stored flows stopped coming");
  }
}

function decodeAll(messages: readonly JsMsg[], pool: ColumnsPool): StoredBatch[] {
  const batches: StoredBatch[] = [];
  for (const message of messages) {
    const sensor = subjects.sensorOfSubject(message.subject, subjects.flowsPrefix);
    if (sensor === undefined) continue;
    const columns = pool.take();
    const [ingestMs, sentMs] = [Number(message.timestampNanos / 1_000_000n), sentMsOf(message)];
    const fault = decodeFlowBatch(message.data, columns) ?? batchTimeFault(columns, ingestMs, sentMs);
    if (fault === undefined) batches.push({ sensor, columns, ingestMs, sentMs, sequence: message.seq });
    else pool.give(columns);
  }
  return batches;
}

/** Undefined before any correlator made the shared consumer. */
async function consumerInfo(manager: JetStreamManager): Promise<ConsumerInfo | undefined> {
  try {
    return await manager.consumers.info(subjects.flowsStream, subjects.correlatorsConsumer);
  } catch (error) {
    if (isJetstreamCode(error, jetstreamCodes.consumerNotFound)) return undefined;
    throw error;
  }
}

async function storedMs(manager: JetStreamManager, sequence: number): Promise<number> {
  if (sequence === 0) return 0;
  try {
    const message = await manager.streams.getMessage(subjects.flowsStream, { seq: sequence });
    return message?.time.getTime() ?? 0;
  } catch (error) {
    if (isJetstreamCode(error, jetstreamCodes.noMessage)) return 0;
    throw error;
  }
}
