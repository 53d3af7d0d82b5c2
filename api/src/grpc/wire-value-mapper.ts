import type { Timestamp } from "@picket/proto/generated/google/protobuf/timestamp.js";
import { invalidField } from "./grpc-error.js";

/** A time in milliseconds as a Timestamp. */
export function toTimestamp(timeMs: number): Timestamp {
  const seconds = Math.floor(timeMs / 1000);
  return { seconds: BigInt(seconds), nanos: Math.floor(timeMs - seconds * 1000) * 1_000_000 };
}

/** The same, absent for 0, which stands for "never". */
export function toOptionalTimestamp(timeMs: number): Timestamp | undefined {
  return timeMs === 0 ? undefined : toTimestamp(timeMs);
}

/**
 * Milliseconds of a Timestamp in a request.
 * Throws PicketError INVALID_ARGUMENT outside the years 1 to 9999 or with impossible nanoseconds.
 */
export function fromTimestamp(field: string, timestamp: Timestamp): number {
  const { seconds, nanos } = timestamp;
  const isSound = seconds >= -62_135_596_800n && seconds <= 253_402_300_799n && nanos >= 0 && nanos < 1e9;
  if (!isSound) throw invalidField(field, "must be a valid timestamp");
  return Number(seconds) * 1000 + Math.floor(nanos / 1e6);
}

/** A count as uint64; what is not a count becomes 0. */
export function toUint64(count: number): bigint {
  return Number.isFinite(count) && count > 0 ? BigInt(Math.trunc(count)) : 0n;
}

/** Enum number of a name in a list that is in the order of the wire enum, from 1; 0 when unknown. */
export function toEnum(names: readonly string[], name: string): number {
  return names.indexOf(name) + 1;
}

/**
 * Name of an enum number in a request.
 * Throws PicketError INVALID_ARGUMENT for 0 and for numbers without a name.
 */
export function fromEnum<Name extends string>(field: string, names: readonly Name[], value: number): Name {
  const name = names[value - 1];
  if (name === undefined) throw invalidField(field, `has no value ${value}: give one of ${names.join(", ")}`);
  return name;
}
