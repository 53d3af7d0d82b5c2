import { jetstreamManager } from "@nats-io/jetstream";
import type { ConsumerInfo, JetStreamManager } from "@nats-io/jetstream";
import { isJetstreamCode, jetstreamCodes, natsFailure } from "./nats-failure.js";
import type { NatsLink } from "./nats-link.js";
import type { ServerClock } from "./server-clock.js";
import * as subjects from "./subjects.js";

const lookupEveryMs = 1000;
const timeEveryMs = 5000;

/**
 * Until when everything stored was acknowledged by some correlator, in the
 * server's time and looked up at most once a second. This machine's clock has
 * no part in it.
 */
export class AcknowledgementFloor {
  #untilMs = 0;
  #lookedUpMs = Number.NEGATIVE_INFINITY;
  #timeSeenMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<number> | undefined;

  constructor(
    private readonly link: NatsLink,
    private readonly clock: ServerClock,
  ) {}

  /** Never goes back; 0 before there is a consumer. Throws PicketError SERVER_UNREACHABLE when it cannot be known. */
  async read(): Promise<number> {
    if (performance.now() - this.#lookedUpMs < lookupEveryMs) return this.#untilMs;
    this.#reading ??= this.#lookUp().finally(() => {
      this.#reading = undefined;
    });
    return await this.#reading;
  }

  async #lookUp(): Promise<number> {
    try {
      const manager = await jetstreamManager(this.link.current(), { checkAPI: false });
      await this.#readTime(manager);
      const askedMs = this.clock.nowMs();
      const info = await consumerInfo(manager);
      if (info !== undefined) this.#untilMs = Math.max(this.#untilMs, await floorMs(manager, info, askedMs));
      this.#lookedUpMs = performance.now();
      return this.#untilMs;
    } catch (error) {
      throw natsFailure(error, "look up the acknowledgement floor");
    }
  }

  /** When the last flow and the last heartbeat were stored: where flows are rare, they tell the server's time. */
  async #readTime(manager: JetStreamManager): Promise<void> {
    if (performance.now() - this.#timeSeenMs < timeEveryMs) return;
    this.#timeSeenMs = performance.now();
    const names = [subjects.flowsStream, `KV_${subjects.sensorsBucket}`];
    const infos = await Promise.all(names.map((name) => manager.streams.info(name)));
    for (const { state } of infos) this.clock.observe(Date.parse(state.last_ts));
  }
}

/** Undefined before a correlator made it. */
async function consumerInfo(manager: JetStreamManager): Promise<ConsumerInfo | undefined> {
  try {
    return await manager.consumers.info(subjects.flowsStream, subjects.correlatorsConsumer);
  } catch (error) {
    if (isJetstreamCode(error, jetstreamCodes.consumerNotFound)) return undefined;
    throw error;
  }
}

/** The time of asking when nothing is outstanding, else when the message at the floor was stored; 0 when that one is gone. */
async function floorMs(manager: JetStreamManager, info: ConsumerInfo, askedMs: number): Promise<number> {
  if (info.num_pending === 0 && info.num_ack_pending === 0) return askedMs;
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
