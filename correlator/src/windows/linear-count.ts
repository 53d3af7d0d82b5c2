/**
 * Distinct items behind a bitmap in which each item set one bit by its hash
 * (linear counting, Whang et al. 1990). Merging bitmaps by OR first counts an
 * item once, whoever reported it. A full bitmap counts as n ln n.
 */
export function linearCount(bits: Uint32Array): number {
  const size = bits.length * 32;
  let set = 0;
  for (const word of bits) set += popCount(word);
  return linearEstimate(set, size);
}

/** Distinct items behind `set` bits out of `size`. */
export function linearEstimate(set: number, size: number): number {
  if (set === 0) return 0;
  if (set >= size) return Math.round(size * Math.log(size));
  return Math.round(-size * Math.log1p(-set / size));
}

function popCount(word: number): number {
  let v = word - ((word >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
