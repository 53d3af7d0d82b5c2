import { createInbox } from "@nats-io/transport-node";
import type { Msg, NatsConnection, Subscription } from "@nats-io/transport-node";

/** How much a pull asks for and keeps. */
export interface PullLimits {
  readonly messagesMax: number;
  readonly bytesMax: number;
  /** How long the server may hold a request that is not filled, milliseconds. */
  readonly expiresMs: number;
}

/** Replies that mean the consumer or its stream is not there. */
const noResponders = 503;

/**
 * Messages of a durable pull consumer, at most one request's worth of them in
 * memory: the next request goes out when the last one ended and what it brought
 * was taken. A request that the server forgot (restart, lost connection) is
 * repeated when its time is over, or at once after a reconnect (`renew`).
 */
export class PullQueue {
  readonly #connection: NatsConnection;
  readonly #requestSubject: string;
  readonly #limits: PullLimits;
  readonly #inbox: string;
  readonly #subscription: Subscription;
  #messages: Msg[] = [];
  /** Messages the open request may still bring; 0 when none is open. */
  #requested = 0;
  #deadlineMs = 0;
  #isMissing = false;
  #wake: (() => void) | undefined;

  constructor(connection: NatsConnection, stream: string, consumer: string, limits: PullLimits) {
    this.#connection = connection;
    this.#requestSubject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`;
    this.#limits = limits;
    this.#inbox = createInbox();
    this.#subscription = connection.subscribe(this.#inbox, {
      callback: (error, message) => (error === null ? this.#receive(message) : this.#end()),
    });
  }

  /** Messages that were received and not taken. */
  get waiting(): readonly Msg[] {
    return this.#messages;
  }

  /** Waits so long for messages to come together, less where a request is filled or ends. */
  async gather(ms: number): Promise<void> {
    const untilMs = performance.now() + ms;
    if (this.#messages.length === 0) this.#request();
    while (this.#requested > 0 && performance.now() < untilMs)
      await this.#arrival(untilMs - performance.now());
  }

  /**
   * What has arrived, waiting up to `waitMs` for the first message; empty when
   * nothing came. "missing" when the consumer does not exist.
   */
  async take(waitMs: number): Promise<Msg[] | "missing"> {
    if (this.#messages.length === 0) {
      this.#request();
      await this.#arrival(waitMs);
    }
    if (this.#isMissing && this.#messages.length === 0) return "missing";
    const taken = this.#messages;
    this.#messages = [];
    return taken;
  }

  /** Drops the open request and wakes the reader. */
  renew(): void {
    this.#end();
  }

  close(): void {
    this.#subscription.unsubscribe();
    this.#end();
  }

  #request(): void {
    if (this.#requested > 0 && performance.now() < this.#deadlineMs) return;
    const { messagesMax, bytesMax, expiresMs } = this.#limits;
    this.#isMissing = false;
    this.#requested = messagesMax;
    this.#deadlineMs = performance.now() + expiresMs + 1000;
    const request = { batch: messagesMax, max_bytes: bytesMax, expires: expiresMs * 1e6 };
    this.#connection.publish(this.#requestSubject, JSON.stringify(request), { reply: this.#inbox });
  }

  #receive(message: Msg): void {
    const code = message.headers?.code ?? 0;
    if (code === 0) {
      this.#messages.push(message);
      if (--this.#requested > 0) return this.#notify();
    }
    if (code === 100) return;
    if (code === noResponders || /deleted/i.test(message.headers?.description ?? "")) this.#isMissing = true;
    this.#end();
  }

  #end(): void {
    this.#requested = 0;
    this.#notify();
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  #arrival(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
