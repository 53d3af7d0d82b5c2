import { jetstreamManager } from "@nats-io/jetstream";
import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsLink } from "./nats-link.js";
import { correlatorsConsumer, flowsPrefix, flowsStream, sensorOfSubject } from "./subjects.js";

const lookEveryMs = 10_000;
const timeoutMs = 5000;

/**
 * Looks for sensors that send more than their quota of the FLOWS stream before
 * it is applied: the stream then drops their own oldest batches unread. A sensor
 * whose quota is full of what was applied long ago is as it should be.
 */
export class QuotaWatch {
  readonly #link: NatsLink;
  readonly #onOver: (sensors: readonly string[]) => Promise<void>;
  #timer: NodeJS.Timeout | undefined;

  /** @param onOver told every 10 s while there is one */
  constructor(link: NatsLink, onOver: (sensors: readonly string[]) => Promise<void>) {
    this.#link = link;
    this.#onOver = onOver;
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.look().catch(() => {}), lookEveryMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Looks once; rejects when the server does not answer. */
  async look(): Promise<void> {
    const manager = await jetstreamManager(this.#link.current(), { checkAPI: false, timeout: timeoutMs });
    const sensors = await sensorsOverQuota(manager);
    if (sensors.length > 0) await this.#onOver(sensors);
  }
}

/** Those of which every batch that is kept is still to be applied, and the quota is full. */
async function sensorsOverQuota(manager: JetStreamManager): Promise<string[]> {
  const { ack_floor: floor } = await manager.consumers.info(flowsStream, correlatorsConsumer);
  const info = await manager.streams.info(flowsStream, { subjects_filter: `${flowsPrefix}*` });
  const quota = info.config.max_msgs_per_subject;
  if (!(quota > 0)) return [];
  const found: string[] = [];
  for (const [subject, messages] of Object.entries(info.state.subjects ?? {})) {
    const sensor = sensorOfSubject(subject, flowsPrefix);
    if (sensor === undefined || messages < quota) continue;
    const first = { seq: 1, next_by_subj: subject };
    const oldest = await manager.streams.getMessage(flowsStream, first);
    if (oldest !== null && oldest.seq > floor.stream_seq + 1) found.push(sensor);
  }
  return found;
}
