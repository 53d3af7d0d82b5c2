import { parseServiceKey } from "../../../windows/contact-key.js";
import type { Contact } from "../../../windows/window-store.js";

/**
 * A contact from its key and its packed value: first time (6 bytes,
 * milliseconds), outcome, stealth, sensors (4 bytes each, ascending).
 */
export function parseContact(key: string, value: Buffer): Contact {
  const sensors: number[] = [];
  for (let at = 8; at < value.length; at += 4) sensors.push(value.readUInt32BE(at));
  return {
    ...parseServiceKey(key),
    firstMs: value.readUIntBE(0, 6),
    outcome: value[6],
    stealth: value[7],
    sensors,
  };
}

/** The contact of a source that has only one today: its key with a length byte, then the value. */
export function parseOnlyContact(packed: Buffer): Contact {
  const end = 1 + packed[0];
  return parseContact(packed.toString("latin1", 1, end), packed.subarray(end));
}
