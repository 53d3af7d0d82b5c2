import { promisify } from "node:util";
import { deflate, inflate } from "node:zlib";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { headers } from "@nats-io/transport-node";
import { z } from "zod";
import { CheckpointDamage, pieceBytesMax } from "../../rebuild/checkpoint.js";
import type { CheckpointLog, CheckpointManifest } from "../../rebuild/checkpoint.js";
import { isJetstreamCode, jetstreamCodes, natsFailure } from "./nats-failure.js";
import type { NatsLink } from "./nats-link.js";
import * as subjects from "./subjects.js";

const deflateAsync = promisify(deflate);
const inflateAsync = promisify<Buffer, { maxOutputLength: number }, Buffer>(inflate);
const number = z.number().int().min(0);
const manifestSchema = z.object({
  id: z.string(),
  layout: z.string(),
  log: z.string(),
  sequence: number,
  takenMs: number,
  pieces: number,
  bytes: number,
  /** Where its pieces lie in the stream. */
  firstSequence: number,
  lastSequence: number,
});
type StoredManifest = z.infer<typeof manifestSchema>;

/**
 * Checkpoints in the CHECKPOINTS stream: compressed pieces, each with the id of
 * its checkpoint, and a manifest in JSON after the last. One that was broken off
 * has no manifest, one whose first pieces were displaced has too few.
 */
export class NatsCheckpointLog implements CheckpointLog {
  constructor(private readonly link: NatsLink) {}

  async write(
    manifest: Omit<CheckpointManifest, "pieces" | "bytes">,
    pieces: AsyncIterable<Buffer>,
  ): Promise<CheckpointManifest> {
    const stored: StoredManifest = { ...manifest, pieces: 0, bytes: 0, firstSequence: 0, lastSequence: 0 };
    for await (const piece of pieces) {
      const packed = await deflateAsync(piece);
      const sequence = await this.#publish(
        subjects.checkpointPieceSubject,
        packed,
        manifest.id,
        stored.pieces,
      );
      if (stored.pieces === 0) stored.firstSequence = sequence;
      stored.lastSequence = sequence;
      stored.pieces++;
      stored.bytes += packed.length;
    }
    const text = Buffer.from(JSON.stringify(stored));
    await this.#publish(subjects.checkpointManifestSubject, text, manifest.id, -1);
    return stored;
  }

  async latest(): Promise<StoredManifest | undefined> {
    try {
      const manager = await jetstreamManager(this.link.current(), { checkAPI: false });
      const message = await manager.streams.getMessage(subjects.checkpointsStream, {
        last_by_subj: subjects.checkpointManifestSubject,
      });
      return message === null ? undefined : parseManifest(message.string());
    } catch (error) {
      if (isJetstreamCode(error, jetstreamCodes.noMessage)) return undefined;
      throw natsFailure(error, "look for a checkpoint");
    }
  }

  async *read(manifest: CheckpointManifest, signal: AbortSignal): AsyncGenerator<Buffer> {
    const stored = manifestSchema.parse(manifest);
    const manager = await jetstreamManager(this.link.current(), { checkAPI: false });
    let pieces = 0;
    for (let seq = stored.firstSequence; stored.pieces > 0 && seq <= stored.lastSequence; seq++) {
      if (signal.aborted) return;
      const message = await manager.streams
        .getMessage(subjects.checkpointsStream, { seq })
        .catch((error: unknown) => {
          if (isJetstreamCode(error, jetstreamCodes.noMessage)) return null;
          throw natsFailure(error, "read a checkpoint");
        });
      if (message?.header.get(subjects.checkpointHeader) !== manifest.id) continue;
      pieces++;
      yield await inflated(message.data);
    }
    if (pieces !== stored.pieces) throw new CheckpointDamage("pieces of the checkpoint are gone");
  }

  /** The sequence in the stream. */
  async #publish(subject: string, data: Uint8Array, id: string, piece: number): Promise<number> {
    const noted = headers();
    noted.set(subjects.checkpointHeader, id);
    try {
      const answer = await jetstream(this.link.current()).publish(subject, data, {
        headers: noted,
        msgID: `${id}:${piece}`,
      });
      return answer.seq;
    } catch (error) {
      throw natsFailure(error, "store a checkpoint");
    }
  }
}

/** zlib's own checksum tells a damaged piece. */
async function inflated(data: Uint8Array): Promise<Buffer> {
  try {
    return await inflateAsync(Buffer.from(data), { maxOutputLength: 2 * pieceBytesMax });
  } catch (error) {
    throw new CheckpointDamage("a piece of the checkpoint is damaged", { cause: error });
  }
}

/** Undefined for one of another version. */
function parseManifest(text: string): StoredManifest | undefined {
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
