import { setTimeout as delay } from "node:timers/promises";
import { jetstream } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import type { KV, KvEntry } from "@nats-io/kv";
import { PicketError } from "@picket/proto/picket-error.js";
import { z } from "zod";
import { defaultPolicyRevision, policySchema } from "../../policy/policy.js";
import type { Policy, PolicyRevision } from "../../policy/policy.js";
import type { PolicyStore } from "../../policy/policy-store.js";
import { isJetstreamCode, jetstreamCodes, natsFailure } from "./nats-failure.js";
import type { NatsLink } from "./nats-link.js";
import { policyBucket, policySubject } from "./subjects.js";
import { untilAborted } from "../../until-aborted.js";

const policyKey = "current";
const restAfterFailureMs = 500;

const storedSchema = z.strictObject({
  revision: z.number().int().min(1),
  updateMs: z.number(),
  author: z.string(),
  comment: z.string(),
  policy: policySchema,
});

/** The policy in a key-value bucket; the etag is the bucket's own revision, so that the server compares and sets. */
export class NatsPolicyStore implements PolicyStore {
  readonly counters = { revisionsUnreadable: 0 };
  readonly #stop = new AbortController();

  /** @param onFailure told of what keeps a watch from its work; it goes on by itself. */
  constructor(
    private readonly link: NatsLink,
    private readonly onFailure: (error: Error) => void = () => {},
  ) {}

  async get(): Promise<PolicyRevision> {
    const entry = await this.#attempt("read the policy", async (bucket) => await bucket.get(policyKey));
    if (entry === null) return defaultPolicyRevision;
    const revision = parseEntry(entry);
    if (revision !== undefined) return revision;
    throw new PicketError(
      "INVALID_POLICY",
      "the stored policy cannot be read by this version: update picket, or set it anew",
    );
  }

  async update(
    policy: Policy,
    etag: string,
    author: string,
    comment: string,
    nowMs: number,
  ): Promise<PolicyRevision> {
    const current = await this.get();
    if (current.etag !== etag) throw conflict();
    const next = { revision: current.revision + 1, updateMs: nowMs, author, comment, policy };
    const stored = await this.#attempt("store the policy", async (bucket) => {
      const bytes = JSON.stringify(next);
      if (current.revision === 0) return await bucket.create(policyKey, bytes);
      return await bucket.update(policyKey, bytes, Number(etag));
    });
    this.link.current().publish(policySubject, JSON.stringify({ revision: String(next.revision) }));
    return { ...next, etag: String(stored) };
  }

  async watch(onRevision: (revision: PolicyRevision) => void, signal: AbortSignal): Promise<void> {
    const ends = AbortSignal.any([signal, this.#stop.signal]);
    if ((await untilAborted(this.link.ready(), ends)) === undefined) return;
    let lastEtag = "";
    const tell = (revision: PolicyRevision): void => {
      if (lastEtag !== "" && Number(revision.etag) <= Number(lastEtag)) return;
      lastEtag = revision.etag;
      onRevision(revision);
    };
    while (!ends.aborted) {
      try {
        tell(await this.get());
        await this.#follow(tell, ends);
      } catch (error) {
        if (this.link.isConnected) this.onFailure(natsFailure(error, "follow the policy"));
        await delay(restAfterFailureMs, undefined, { signal: ends }).catch(() => {});
      }
    }
  }

  close(): Promise<void> {
    this.#stop.abort();
    return Promise.resolve();
  }

  /** Ends when the connection was lost and came back: what changed meanwhile is then read anew. */
  async #follow(tell: (revision: PolicyRevision) => void, signal: AbortSignal): Promise<void> {
    const bucket = await openBucket(this.link);
    const entries = await bucket.watch({ key: policyKey });
    const stop = (): void => entries.stop();
    const forgetLink = this.link.onConnected(stop);
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    try {
      for await (const entry of entries) {
        const revision = parseEntry(entry);
        if (revision === undefined) this.counters.revisionsUnreadable++;
        else tell(revision);
      }
    } finally {
      forgetLink();
      signal.removeEventListener("abort", stop);
      stop();
    }
  }

  async #attempt<T>(what: string, act: (bucket: KV) => Promise<T>): Promise<T> {
    try {
      return await act(await openBucket(this.link));
    } catch (error) {
      if (isJetstreamCode(error, jetstreamCodes.wrongLastSequence)) throw conflict();
      throw natsFailure(error, what);
    }
  }
}

/** Read from the stream's leader: a replica may not know the last revision yet. */
async function openBucket(link: NatsLink): Promise<KV> {
  return await new Kvm(jetstream(link.current())).open(policyBucket, { allow_direct: false });
}

function conflict(): PicketError {
  return new PicketError("CONFLICT", "the policy was changed in the meantime: read it again", {
    field: "etag",
  });
}

function parseEntry(entry: KvEntry): PolicyRevision | undefined {
  if (entry.operation !== "PUT") return defaultPolicyRevision;
  try {
    const result = storedSchema.safeParse(JSON.parse(entry.string()));
    return result.success ? { ...result.data, etag: String(entry.revision) } : undefined;
  } catch {
    return undefined;
  }
}
