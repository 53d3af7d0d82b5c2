import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import path from "node:path";
import { PicketError } from "@picket/proto/picket-error.js";
import { z } from "zod";
import {
  defaultPolicyRevision,
  policySchema,
  type Policy,
  type PolicyRevision,
} from "../../policy/policy.js";
import type { PolicyStore } from "../../policy/policy-store.js";

const revisionSchema = z.strictObject({
  revision: z.number().int().min(1),
  etag: z.string(),
  updateMs: z.number(),
  author: z.string(),
  comment: z.string(),
  policy: policySchema,
});

/** The policy of this process, optionally kept in a file that is replaced whole. */
export class MemoryPolicyStore implements PolicyStore {
  private readonly watchers = new Set<(revision: PolicyRevision) => void>();
  private tail: Promise<unknown> = Promise.resolve();

  /** @param file where later revisions are written; the current one is not read from it (see `open`). */
  constructor(
    private current: PolicyRevision = defaultPolicyRevision,
    private readonly file?: string,
  ) {}

  /**
   * A store that goes on from a file, if it exists. Throws PicketError
   * FILE_UNREADABLE or INVALID_POLICY, naming the file.
   */
  static async open(file: string): Promise<MemoryPolicyStore> {
    return new MemoryPolicyStore((await readRevision(file)) ?? defaultPolicyRevision, file);
  }

  get(): Promise<PolicyRevision> {
    return Promise.resolve(this.current);
  }

  update(
    policy: Policy,
    etag: string,
    author: string,
    comment: string,
    nowMs: number,
  ): Promise<PolicyRevision> {
    const done = this.tail.then(() => this.updateNow(policy, etag, author, comment, nowMs));
    this.tail = done.catch(() => undefined);
    return done;
  }

  watch(onRevision: (revision: PolicyRevision) => void, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    // A callback of its own, so that watching twice with one function is two watches.
    const watcher = (revision: PolicyRevision): void => onRevision(revision);
    this.watchers.add(watcher);
    onRevision(this.current);
    return new Promise((resolve) => {
      signal.addEventListener(
        "abort",
        () => {
          this.watchers.delete(watcher);
          resolve();
        },
        { once: true },
      );
    });
  }

  async close(): Promise<void> {
    await this.tail;
  }

  private async updateNow(
    policy: Policy,
    etag: string,
    author: string,
    comment: string,
    nowMs: number,
  ): Promise<PolicyRevision> {
    if (etag !== this.current.etag) {
      throw new PicketError("CONFLICT", "the policy was changed in the meantime: read it again", {
        field: "etag",
      });
    }
    const revision = this.current.revision + 1;
    const settings = { revision, updateMs: nowMs, author, comment, policy };
    const next = { ...settings, etag: `${revision}-${digest(settings)}` };
    if (this.file !== undefined) await writeRevision(this.file, next);
    this.current = next;
    for (const watcher of this.watchers) watcher(next);
    return next;
  }
}

function digest(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 12);
}

async function readRevision(file: string): Promise<PolicyRevision | undefined> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw new PicketError("FILE_UNREADABLE", `cannot read the policy file ${file}`, { cause: error });
  }
  return parseRevision(file, text);
}

function parseRevision(file: string, text: string): PolicyRevision {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new PicketError("INVALID_POLICY", `the policy file ${file} is not JSON`, { cause: error });
  }
  const result = revisionSchema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue.path.join(".");
  throw new PicketError("INVALID_POLICY", `the policy file ${file}: ${field}: ${issue.message}`, { field });
}

async function writeRevision(file: string, revision: PolicyRevision): Promise<void> {
  const temporary = `${file}.new`;
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    const handle = await open(temporary, "w", 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(revision, undefined, 2)}\n`);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    throw new PicketError("SPOOL_FAILED", `cannot write the policy file ${file}`, { cause: error });
  }
}
