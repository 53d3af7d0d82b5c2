const epochField = 0x0a;
const sequenceField = 0x10;
/** Bytes of epoch (tag, length, 16) and sequence (tag, at most 8 for 53 bits). */
const identityBytesMax = 27;

/**
 * An encoded `picket.v1.FlowBatch` with its epoch and sequence: both fields are
 * appended, because in proto3 the last value of a field wins. The copy is the
 * caller's to keep.
 */
export function withBatchIdentity(batch: Uint8Array, epoch: Uint8Array, sequence: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(batch.length + identityBytesMax);
  bytes.set(batch, 0);
  let at = batch.length;
  bytes[at++] = epochField;
  bytes[at++] = epoch.length;
  bytes.set(epoch, at);
  at += epoch.length;
  bytes[at++] = sequenceField;
  let rest = sequence;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes[at++] = (rest % 0x80) | 0x80;
  bytes[at++] = rest;
  return bytes.subarray(0, at);
}
