import { createHash } from "node:crypto";
import { z } from "zod";
import { invalidField } from "./grpc-error.js";

/** Where a page ended: the sort value and the id of its last item. */
export interface PagePosition {
  readonly value: number;
  readonly id: string;
}

const tokenSchema = z.tuple([z.string().length(16), z.number(), z.string().max(256)]);

/** An opaque token for the page after `position`, bound to the request it continues. */
export function formatPageToken(request: unknown, position: PagePosition): string {
  return Buffer.from(JSON.stringify([digestOf(request), position.value, position.id])).toString("base64url");
}

/**
 * The position in a token, undefined for the first page.
 * Throws PicketError INVALID_ARGUMENT for a token that is broken or of another request.
 */
export function parsePageToken(request: unknown, token: string): PagePosition | undefined {
  if (token === "") return undefined;
  const parsed = tokenSchema.safeParse(parseJson(token));
  if (!parsed.success) throw invalidField("page_token", "must be the next_page_token of an earlier response");
  const [digest, value, id] = parsed.data;
  if (digest !== digestOf(request)) {
    throw invalidField("page_token", "belongs to another filter or order: start again without it");
  }
  return { value, id };
}

/**
 * Items wanted on a page: 0 means 100.
 * Throws PicketError INVALID_ARGUMENT outside 1 to 1000.
 */
export function parsePageSize(pageSize: number): number {
  if (pageSize < 0 || pageSize > 1000) throw invalidField("page_size", "must be 1 to 1000");
  return pageSize === 0 ? 100 : pageSize;
}

function parseJson(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token.slice(0, 1024), "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
}

function digestOf(request: unknown): string {
  return createHash("sha256").update(JSON.stringify(request)).digest("hex").slice(0, 16);
}
