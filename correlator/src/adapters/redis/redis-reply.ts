import type { RedisReply } from "./redis-connection.js";

/** Bytes of a binary string. */
export function latin1(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

/** A reply that is an array, or none. */
export function list(reply: RedisReply | undefined): RedisReply[] {
  return Array.isArray(reply) ? reply : [];
}

/** A reply that is a bulk string, or an empty one. */
export function bytes(reply: RedisReply | undefined): Buffer {
  return Buffer.isBuffer(reply) ? reply : Buffer.alloc(0);
}
