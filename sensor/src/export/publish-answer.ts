import type { Msg } from "@nats-io/transport-node";

/** What the stream said to a published message. */
export type PublishAnswer =
  | {
      readonly kind: "stored";
      readonly isDuplicate: boolean;
      /** Of the message in the stream. */
      readonly streamSequence: number;
    }
  /** Nobody keeps the subject: the stream does not exist yet, or JetStream is off or starting. */
  | { readonly kind: "absent" }
  /** Not now: quota, storage, a leader election. */
  | { readonly kind: "later"; readonly reason: string }
  /** Never. */
  | { readonly kind: "refused"; readonly reason: string };

const noResponders = 503;
/** Message exceeds the stream's maximum (server/errors.json, JSStreamMessageExceedsMaximumErr). */
const tooLargeCode = 10_054;

interface PublishReply {
  readonly stream?: unknown;
  readonly seq?: unknown;
  readonly duplicate?: unknown;
  readonly error?: { readonly err_code?: unknown; readonly description?: unknown };
}

/** Reads a JetStream publish acknowledgement. */
export function readPublishAnswer(message: Msg): PublishAnswer {
  if (message.headers?.code === noResponders) return { kind: "absent" };
  const reply = parse(message.string());
  if (reply?.error !== undefined) {
    const reason = String(reply.error.description ?? "no reason given");
    return { kind: reply.error.err_code === tooLargeCode ? "refused" : "later", reason };
  }
  if (typeof reply?.stream !== "string" || typeof reply.seq !== "number") {
    return { kind: "later", reason: "the answer is not an acknowledgement" };
  }
  return { kind: "stored", isDuplicate: reply.duplicate === true, streamSequence: reply.seq };
}

function parse(text: string): PublishReply | undefined {
  try {
    const reply: unknown = JSON.parse(text);
    return typeof reply === "object" && reply !== null ? reply : undefined;
  } catch {
    return undefined;
  }
}
