import { jetstream } from "@nats-io/jetstream";
import { headers } from "@nats-io/transport-node";
import type { Msg } from "@nats-io/transport-node";
import { natsFailure } from "./nats-failure.js";
import type { NatsLink } from "./nats-link.js";
import * as subjects from "./subjects.js";

const timeoutMs = 2000;
const restAfterFailureMs = 5000;

/**
 * Keeps what could not be used in REJECTED for a person to look at. It is a
 * help and no promise: where that stream is full, absent or slow, the message
 * is counted and stays in FLOWS only, and nothing waits.
 */
export class RejectedLog {
  readonly counters = { rejectedNotKept: 0 };
  #restUntilMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly link: NatsLink,
    private readonly onFailure: (error: Error) => void,
  ) {}

  /** Resolves when it is kept or given up. */
  async keep(message: Msg, reason: string): Promise<void> {
    if (performance.now() < this.#restUntilMs) {
      this.counters.rejectedNotKept++;
      return;
    }
    const noted = headers();
    noted.set(subjects.reasonHeader, reason);
    const token = message.subject.slice(message.subject.lastIndexOf(".") + 1);
    try {
      const stream = jetstream(this.link.current(), { timeout: timeoutMs });
      await stream.publish(subjects.rejectedPrefix + token, message.data, { headers: noted });
    } catch (error) {
      this.counters.rejectedNotKept++;
      this.#restUntilMs = performance.now() + restAfterFailureMs;
      this.onFailure(natsFailure(error, `keep a bad batch in ${subjects.rejectedStream}`));
    }
  }
}
