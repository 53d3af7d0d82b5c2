import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import type { JsMsg } from "@nats-io/jetstream";
import type { IncidentEvent } from "../../incidents/incident.js";
import { encodeIncidentEvent } from "./incident-codec.js";
import { isJetstreamCode, jetstreamCodes, natsFailure } from "./nats-failure.js";
import type { NatsLink } from "./nats-link.js";
import { incidentsStream, incidentsSubject } from "./subjects.js";

/** Which log it is and what it holds. */
export interface LogState {
  /** 12 hex digits; another one when the stream was made anew. */
  readonly log: string;
  /** Sequence of the oldest event kept; last + 1 when there is none. */
  readonly firstSequence: number;
  readonly lastSequence: number;
}

/** How an append ended: "behind" when someone else appended in the meantime. */
export type AppendResult = { readonly isBehind: boolean; readonly sequences: readonly number[] };

const appendAtOnce = 64;
const readAhead = 64;
const restAfterFailureMs = 250;

/** The INCIDENTS stream: the durable record of what became of every incident. */
export class IncidentLog {
  constructor(private readonly link: NatsLink) {}

  async state(): Promise<LogState> {
    try {
      const manager = await jetstreamManager(this.link.current(), { checkAPI: false });
      const { created, state } = await manager.streams.info(incidentsStream);
      const log = createHash("sha256").update(created).digest("hex").slice(0, 12);
      const firstSequence = state.messages === 0 ? state.last_seq + 1 : state.first_seq;
      return { log, firstSequence, lastSequence: state.last_seq };
    } catch (error) {
      throw natsFailure(error, "look at the incident events");
    }
  }

  /**
   * Appends events right after `lastSequence`, or as many of them as fit before
   * someone else's: a process that lost its lease cannot write by accident.
   */
  async append(events: readonly IncidentEvent[], lastSequence: number): Promise<AppendResult> {
    const sequences: number[] = [];
    for (let from = 0; from < events.length; from += appendAtOnce) {
      const chunk = events.slice(from, from + appendAtOnce);
      const results = await this.#publish(chunk, lastSequence + from);
      for (const [i, result] of results.entries()) {
        if (result !== lastSequence + from + i + 1) return { isBehind: true, sequences };
        sequences.push(result);
      }
    }
    return { isBehind: false, sequences };
  }

  /**
   * Messages from a sequence on, then new ones as they come, until `signal`
   * aborts; survives a lost connection. A slow reader is not read ahead for.
   */
  async *read(fromSequence: number, signal: AbortSignal): AsyncGenerator<JsMsg> {
    let next = fromSequence;
    while (!signal.aborted) {
      try {
        for await (const message of this.#consume(next, signal)) {
          next = message.seq + 1;
          yield message;
        }
      } catch {
        await delay(restAfterFailureMs, undefined, { signal }).catch(() => {});
      }
    }
  }

  /** Ends when the connection was lost and came back, since the server may have forgotten the consumer. */
  async *#consume(fromSequence: number, signal: AbortSignal): AsyncGenerator<JsMsg> {
    const consumer = await jetstream(this.link.current()).consumers.get(incidentsStream, {
      deliver_policy: "by_start_sequence",
      opt_start_seq: fromSequence,
    });
    const messages = await consumer.consume({
      max_messages: readAhead,
      expires: 10_000,
      idle_heartbeat: 2000,
    });
    const stop = (): void => messages.stop();
    const forgetLink = this.link.onConnected(stop);
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    try {
      yield* messages;
    } finally {
      forgetLink();
      signal.removeEventListener("abort", stop);
      stop();
      if (this.link.isConnected) await consumer.delete().catch(() => {});
    }
  }

  /** The sequence of each event, or undefined where the log had moved on. */
  async #publish(events: readonly IncidentEvent[], lastSequence: number): Promise<(number | undefined)[]> {
    try {
      const client = jetstream(this.link.current());
      const publications = events.map((event, i) => {
        const bytes = encodeIncidentEvent(event);
        return client.publish(incidentsSubject, bytes, {
          msgID: messageId(event, bytes),
          expect: { lastSequence: lastSequence + i },
        });
      });
      const results = await Promise.allSettled(publications);
      return results.map((result) => {
        if (result.status === "fulfilled") return result.value.seq;
        if (isJetstreamCode(result.reason, jetstreamCodes.wrongLastSequence)) return undefined;
        throw result.reason;
      });
    } catch (error) {
      throw natsFailure(error, "append incident events");
    }
  }
}

/**
 * The server answers a known id like a publication of its own, also when someone
 * else said something different under it: only the same bytes may have the same id.
 */
function messageId({ incident }: IncidentEvent, bytes: Uint8Array): string {
  const digest = createHash("sha256").update(bytes).digest("hex").slice(0, 24);
  return `${incident.id}:${incident.revision}:${digest}`;
}
