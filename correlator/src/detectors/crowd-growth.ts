import type { CrowdKey } from "../windows/window-store.js";

/** A crowd of this many sources is large: a few more do not change what is said of it. */
const largeMin = 32;
/** Growth of a large crowd that is worth reading all its sources again. */
const growthMin = 1 / 4;
const crowdsMax = 10_000;

/**
 * How large the large crowds were when they were last read. Reading one costs
 * hundreds of sources, so while its slice is open it is read again only when it
 * has grown; when the slice closes it is read in any case.
 */
export class CrowdGrowth {
  private readonly counts = new Map<string, number>();

  /** True when a large crowd has hardly grown; remembers its count otherwise. */
  isSmall(key: CrowdKey, count: number): boolean {
    if (count < largeMin) return false;
    const text = `${key.slice}|${key.kind}|${key.subject}`;
    const known = this.counts.get(text);
    if (known !== undefined && count < known * (1 + growthMin)) return true;
    this.counts.delete(text);
    this.counts.set(text, count);
    const oldest = this.counts.keys().next().value;
    if (this.counts.size > crowdsMax && oldest !== undefined) this.counts.delete(oldest);
    return false;
  }
}
