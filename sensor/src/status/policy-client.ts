import type { NatsConnection } from "@nats-io/transport-node";
import { policyRequestSubject, policySubject } from "../export/subjects.js";
import type { RateLimitedLog } from "../log.js";
import { decodePolicySlice } from "./policy-slice-codec.js";
import { sliceFault, type PolicySlice } from "./policy-slice.js";

const requestTimeoutMs = 2000;
const firstRetryMs = 500;
const lastRetryMs = 15_000;
/** An announcement may be lost; this often the slice is asked for anyway. */
const refreshMs = 60_000;

/**
 * Keeps this sensor's slice of the policy current: asks for it when connected
 * and when a new revision is announced, and asks again until it is answered. A
 * correlator that has not heard of the announced revision yet answers with the
 * one before, which is no answer.
 */
export class PolicyClient {
  #connection: NatsConnection | undefined;
  #announcedRevision = 0;
  #isAsking = false;
  #askAgain = false;
  #retryMs = firstRetryMs;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(
    private readonly sensor: string,
    private readonly onSlice: (slice: PolicySlice) => void,
    private readonly log: RateLimitedLog,
  ) {}

  onUp(connection: NatsConnection): void {
    if (this.#connection !== connection) {
      this.#connection = connection;
      connection.subscribe(policySubject, {
        callback: (error, message) => void (error ?? this.#onAnnouncement(message.string())),
      });
    }
    this.#ask();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #onAnnouncement(text: string): void {
    this.#announcedRevision = decodePolicySlice(text)?.revision ?? 0;
    this.#ask();
  }

  #ask(): void {
    if (this.#isAsking) {
      this.#askAgain = true;
      return;
    }
    clearTimeout(this.#timer);
    void this.#request();
  }

  async #request(): Promise<void> {
    this.#isAsking = true;
    const answered = await this.#requestOnce();
    this.#isAsking = false;
    if (this.#isStopped) return;
    if (this.#askAgain) {
      this.#askAgain = false;
      return this.#ask();
    }
    this.#timer = setTimeout(() => this.#ask(), this.#nextWaitMs(answered));
  }

  #nextWaitMs(answered: boolean): number {
    const waitMs = answered ? refreshMs : this.#retryMs;
    this.#retryMs = answered ? firstRetryMs : Math.min(this.#retryMs * 2, lastRetryMs);
    return waitMs * (0.75 + Math.random() / 2);
  }

  async #requestOnce(): Promise<boolean> {
    try {
      const answer = await this.#connection?.request(policyRequestSubject(this.sensor), undefined, {
        timeout: requestTimeoutMs,
      });
      if (answer === undefined) return false;
      return this.#take(answer.string());
    } catch {
      // Nobody answers yet: the defaults are in force meanwhile.
      return false;
    }
  }

  /** False when it is older than what was announced. */
  #take(text: string): boolean {
    const slice = decodePolicySlice(text);
    const fault = slice === undefined ? "the answer" : sliceFault(slice);
    if (slice === undefined || fault !== undefined) {
      this.log.warn("policy", `the policy is not followed: ${fault} cannot be used`);
      return true;
    }
    if (slice.revision < this.#announcedRevision) return false;
    this.onSlice(slice);
    return true;
  }
}
