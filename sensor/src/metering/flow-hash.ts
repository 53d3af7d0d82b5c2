/**
 * Vector multiply-shift hashing (Dietzfelbinger 1996) over 16-bit halves with
 * secret 32-bit multipliers: the upper 17 bits are strongly universal, so that
 * whoever chooses addresses without the seed cannot make keys collide.
 */
export class FlowHash {
  private readonly multipliers = new Int32Array(20);
  private readonly start: number;

  /** `seed` is a whole number below 2^32. */
  constructor(seed: number) {
    let state = seed | 0;
    const next = (): number => {
      // splitmix32: spreads the seed over all multipliers.
      state = (state + 0x9e3779b9) | 0;
      let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
      return mixed ^ (mixed >>> 15);
    };
    for (let i = 0; i < this.multipliers.length; i++) this.multipliers[i] = next() | 1;
    this.start = next();
  }

  /** Hash of the 8 address words at the front of `key`, of its ports (word 8) and of `protocol`. */
  hash(key: Int32Array, protocol: number): number {
    const hash = this.hashIpv4(key[3], key[7], key[8], protocol);
    const isMapped = (key[0] | key[1] | key[4] | key[5]) === 0 && key[2] === 0xffff && key[6] === 0xffff;
    return isMapped ? hash : (hash + this.hashPrefixes(key[0], key[1], key[2], key[4], key[5], key[6])) | 0;
  }

  /** The same for two IPv4 addresses, given by their last words. */
  hashIpv4(lower: number, upper: number, ports: number, protocol: number): number {
    const m = this.multipliers;
    return (
      (this.start +
        Math.imul(lower & 0xffff, m[0]) +
        Math.imul(lower >>> 16, m[1]) +
        Math.imul(upper & 0xffff, m[2]) +
        Math.imul(upper >>> 16, m[3]) +
        Math.imul(ports & 0xffff, m[4]) +
        Math.imul(ports >>> 16, m[5]) +
        Math.imul(protocol, m[6])) |
      0
    );
  }

  /** What an IPv6 key adds: the first three words of each address. */
  hashPrefixes(
    lower0: number,
    lower1: number,
    lower2: number,
    upper0: number,
    upper1: number,
    upper2: number,
  ): number {
    const m = this.multipliers;
    return (
      (Math.imul(lower0 & 0xffff, m[7]) +
        Math.imul(lower0 >>> 16, m[8]) +
        Math.imul(lower1 & 0xffff, m[9]) +
        Math.imul(lower1 >>> 16, m[10]) +
        Math.imul(lower2 & 0xffff, m[11]) +
        Math.imul(lower2 >>> 16, m[12]) +
        Math.imul(upper0 & 0xffff, m[13]) +
        Math.imul(upper0 >>> 16, m[14]) +
        Math.imul(upper1 & 0xffff, m[15]) +
        Math.imul(upper1 >>> 16, m[16]) +
        Math.imul(upper2 & 0xffff, m[17]) +
        Math.imul(upper2 >>> 16, m[18])) |
      0
    );
  }
}
