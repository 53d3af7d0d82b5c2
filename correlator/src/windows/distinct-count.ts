import type { SipHash } from "./sip-hash.js";

/** Registers: a standard error of 1.6 %. */
const indexBits = 12;
const registers = 1 << indexBits;
/** Bias of so many registers (Flajolet, Fusy, Gandouet, Meunier, AofA 2007). */
const alpha = 0.7213 / (1 + 1.079 / registers);

/**
 * HyperLogLog of binary strings: an estimate of how many distinct ones were
 * added, in 4 KiB. The hash is keyed, so that nobody who does not know the key
 * can choose members that move the estimate (Paterson and Raynal, 2021).
 */
export class DistinctCount {
  private readonly ranks = new Uint8Array(registers);
  private zeros = registers;
  /** Sum of 2^-rank. */
  private sum = registers;

  constructor(private readonly hash: SipHash) {}

  /** True when it changed the estimate. */
  add(member: string): boolean {
    this.hash.hash(member);
    const index = this.hash.low & (registers - 1);
    const rank = Math.clz32(this.hash.high) + 1;
    const known = this.ranks[index];
    if (rank <= known) return false;
    this.ranks[index] = rank;
    this.sum += 2 ** -rank - 2 ** -known;
    if (known === 0) this.zeros--;
    return true;
  }

  get count(): number {
    const estimate = (alpha * registers * registers) / this.sum;
    if (estimate > 2.5 * registers || this.zeros === 0) return Math.round(estimate);
    return Math.round(registers * Math.log(registers / this.zeros));
  }
}
