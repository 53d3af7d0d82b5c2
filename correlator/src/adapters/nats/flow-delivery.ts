import type { Msg } from "@nats-io/transport-node";
import { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import type { FlowDelivery } from "../../flows/flow-source.js";
import { sentAtHeader } from "./subjects.js";

/** What JetStream says about a message in the subject its acknowledgement goes to. */
export interface MessageOrigin {
  readonly streamSequence: number;
  /** When the stream stored it, milliseconds. */
  readonly storedMs: number;
  /** 1 the first time. */
  readonly deliveryCount: number;
}

const acknowledged = new TextEncoder().encode("+ACK");
const inProgress = new TextEncoder().encode("+WPI");

/**
 * Reads "$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer
 * seq>.<time ns>.<pending>" (NATS ADR-15), which servers may write with domain
 * and account after "$JS.ACK"; undefined for any other subject.
 */
export function messageOrigin(reply: string | undefined): MessageOrigin | undefined {
  const tokens = reply?.split(".") ?? [];
  if (tokens[0] !== "$JS" || tokens[1] !== "ACK" || tokens.length < 9) return undefined;
  const from = tokens.length === 9 ? 4 : 6;
  const [deliveryCount, streamSequence] = [Number(tokens[from]), Number(tokens[from + 1])];
  const storedMs = Math.floor(Number(tokens[from + 3]) / 1e6);
  if (!Number.isSafeInteger(streamSequence) || !(storedMs > 0)) return undefined;
  return { deliveryCount, streamSequence, storedMs };
}

/** The sensor's clock when it published, milliseconds; 0 when the header is absent or no time. */
export function sentMsOf(message: Pick<Msg, "headers">): number {
  const text = message.headers?.get(sentAtHeader) ?? "";
  return /^\d{1,16}$/.test(text) ? Number(text) / 1000 : 0;
}

/** Tells the server that the message is still worked on, so that it is not given to someone else. */
export function extend(message: Msg): void {
  message.respond(inProgress);
}

export function acknowledge(message: Msg): void {
  message.respond(acknowledged);
}

/** Gives the message back; the server delivers it again after `delayMs`, to any correlator. */
export function giveBack(message: Msg, delayMs: number): void {
  message.respond(`-NAK {"delay":${Math.round(delayMs * 1e6)}}`);
}

/** A message of a batch in hand; its columns go back to the pool once it is settled. */
export class NatsFlowDelivery implements FlowDelivery {
  readonly ingestMs: number;
  readonly sentMs: number;
  readonly deliveryCount: number;
  #isSettled = false;

  constructor(
    readonly sensor: string,
    readonly columns: FlowColumns,
    readonly message: Msg,
    origin: MessageOrigin,
    private readonly retryDelayMs: number,
    private readonly onSettled: (delivery: NatsFlowDelivery) => void,
    private readonly onRejected: (message: Msg, reason: string) => void,
  ) {
    this.ingestMs = origin.storedMs;
    this.sentMs = sentMsOf(message);
    this.deliveryCount = origin.deliveryCount;
  }

  acknowledge(): void {
    this.#settle(() => acknowledge(this.message));
  }

  retry(): void {
    this.#settle(() => giveBack(this.message, this.retryDelayMs));
  }

  reject(reason: string): void {
    this.#settle(() => this.onRejected(this.message, reason));
  }

  #settle(tell: () => void): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    tell();
    this.onSettled(this);
  }
}

/** Columns for reuse, so that a batch costs no allocation; grows to what was in hand at once. */
export class ColumnsPool {
  readonly #free: FlowColumns[] = [];

  take(): FlowColumns {
    return this.#free.pop() ?? new FlowColumns();
  }

  give(columns: FlowColumns): void {
    this.#free.push(columns);
  }
}
