/**
 * SipHash-2-4 (Aumasson and Bernstein, INDOCRYPT 2012) of short binary strings
 * (one char a byte), on 32-bit halves. Keyed, so that nobody outside can choose
 * inputs that collide in a sketch.
 */
export class SipHash {
  private readonly key: Uint32Array;
  /** v0 to v3, each as low and high word. */
  private readonly v = new Uint32Array(8);
  /** What was hashed last is often hashed again, for another sketch. */
  private last: string | undefined = undefined;
  /** Halves of the hash of what was hashed last. */
  low = 0;
  high = 0;

  /** @param key 16 bytes */
  constructor(key: Uint8Array) {
    const view = new DataView(key.buffer, key.byteOffset, 16);
    this.key = Uint32Array.from([0, 4, 8, 12], (at) => view.getUint32(at, true));
  }

  /** Hashes a text: `low` and `high` are the halves of its hash. */
  hash(text: string): void {
    if (text !== this.last) this.compute(text);
  }

  private compute(text: string): void {
    this.last = text;
    const v = this.v;
    const [k0, k1, k2, k3] = this.key;
    v[0] = k0 ^ 0x70736575;
    v[1] = k1 ^ 0x736f6d65;
    v[2] = k2 ^ 0x6e646f6d;
    v[3] = k3 ^ 0x646f7261;
    v[4] = k0 ^ 0x6e657261;
    v[5] = k1 ^ 0x6c796765;
    v[6] = k2 ^ 0x79746573;
    v[7] = k3 ^ 0x74656462;
    const whole = text.length & ~7;
    for (let at = 0; at < whole; at += 8) this.absorb(wordAt(text, at), wordAt(text, at + 4));
    this.absorb(wordAt(text, whole), wordAt(text, whole + 4) | ((text.length & 0xff) << 24));
    v[4] ^= 0xff;
    for (let round = 0; round < 4; round++) this.round();
    this.low = v[0] ^ v[2] ^ v[4] ^ v[6];
    this.high = v[1] ^ v[3] ^ v[5] ^ v[7];
  }

  private absorb(low: number, high: number): void {
    const v = this.v;
    v[6] ^= low;
    v[7] ^= high;
    this.round();
    this.round();
    v[0] ^= low;
    v[1] ^= high;
  }

  private round(): void {
    this.mix(0, 2, 13);
    this.turn(0);
    this.mix(4, 6, 16);
    this.mix(0, 6, 21);
    this.mix(4, 2, 17);
    this.turn(4);
  }

  /** a += b; b = rotate(b, bits) ^ a */
  private mix(a: number, b: number, bits: number): void {
    const v = this.v;
    const low = v[a] + v[b];
    v[a + 1] += v[b + 1] + (low > 0xffffffff ? 1 : 0);
    v[a] = low;
    const bLow = v[b];
    const bHigh = v[b + 1];
    v[b] = ((bLow << bits) | (bHigh >>> (32 - bits))) ^ v[a];
    v[b + 1] = ((bHigh << bits) | (bLow >>> (32 - bits))) ^ v[a + 1];
  }

  /** Rotates a word by 32 bits. */
  private turn(a: number): void {
    const low = this.v[a];
    this.v[a] = this.v[a + 1];
    this.v[a + 1] = low;
  }
}

/** Four chars from `at`, little endian; beyond the end there are zeros. */
function wordAt(text: string, at: number): number {
  let word = 0;
  for (let i = 0; i < 4 && at + i < text.length; i++) word |= text.charCodeAt(at + i) << (8 * i);
  return word;
}
