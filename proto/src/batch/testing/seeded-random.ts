/** Mulberry32: numbers from 0 to below 1, the same for the same start. */
export function seededRandom(start: number): () => number {
  let state = start | 0;
  return () => {
    state = (state + 0x6d2b_79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** One to four edits: a byte changed, a bit flipped, bytes dropped, bytes doubled. */
export function mutate(original: Uint8Array, random: () => number): Uint8Array {
  let bytes = original.slice();
  const edits = 1 + Math.floor(random() * 4);
  for (let edit = 0; edit < edits; edit++) {
    const at = Math.floor(random() * bytes.length);
    const end = at + Math.floor(random() * 8);
    const kind = Math.floor(random() * 8);
    if (kind < 4) bytes[at] ^= 1 << Math.floor(random() * 8);
    else if (kind < 6) bytes[at] = Math.floor(random() * 256);
    else if (kind === 6) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    else bytes = Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
  }
  return bytes;
}
