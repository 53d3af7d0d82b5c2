import { setTimeout as delay } from "node:timers/promises";
import { jetstream } from "@nats-io/jetstream";
import type { ReportedGap } from "../../sensors/batch-account.js";
import { decodeGap } from "./gap-decoder.js";
import type { NatsLink } from "./nats-link.js";
import { flowsStream, gapsPrefix, sensorOfSubject } from "./subjects.js";

const gapsAtOnce = 500;
const expiresMs = 2000;
const restAfterFailureMs = 1000;

/** Counts the gap records that the stream still holds once more: those that are known change nothing. */
export class GapHistory {
  readonly #link: NatsLink;
  readonly #count: (gaps: readonly ReportedGap[]) => Promise<void>;
  readonly #stop = new AbortController();
  #counted: number | undefined;
  #wanted: number | undefined;
  #running: Promise<void> | undefined;

  constructor(link: NatsLink, count: (gaps: readonly ReportedGap[]) => Promise<void>) {
    this.#link = link;
    this.#count = count;
  }

  /** Begins in the background, once for each epoch of the sums. */
  recount(stateEpoch: number): void {
    if (stateEpoch === this.#wanted || this.#stop.signal.aborted) return;
    this.#wanted = stateEpoch;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted && this.#counted !== this.#wanted) {
      const epoch = this.#wanted;
      try {
        await this.#countAll();
        this.#counted = epoch;
      } catch {
        await delay(restAfterFailureMs, undefined, { signal }).catch(() => {});
      }
    }
  }

  async #countAll(): Promise<void> {
    const consumer = await jetstream(this.#link.current()).consumers.get(flowsStream, {
      filter_subjects: `${gapsPrefix}*`,
    });
    let left = (await consumer.info()).num_pending;
    while (left > 0 && !this.#stop.signal.aborted) {
      const gaps: ReportedGap[] = [];
      let pending: number | undefined;
      for await (const { subject, data, info } of await consumer.fetch({
        max_messages: Math.min(left, gapsAtOnce),
        expires: expiresMs,
      })) {
        pending = info.pending;
        const [sensor, gap] = [sensorOfSubject(subject, gapsPrefix), decodeGap(data)];
        if (sensor !== undefined && gap !== undefined) gaps.push({ ...gap, sensor });
      }
      if (pending === undefined) throw new Error("the gap records stopped coming");
      await this.#count(gaps);
      left = pending;
    }
    await consumer.delete().catch(() => {});
  }
}
