import type { Finding } from "./incident.js";

/** A name that host bursts have in common, and which of them have it. */
export interface Shared {
  readonly name: string;
  readonly bursts: ReadonlySet<Finding>;
}

export const nothingShared: Shared = { name: "", bursts: new Set() };

/** Host bursts by the names that each has, of peers or of ports; kept up to date as they come and go. */
export class NamedBursts {
  private readonly byName = new Map<string, Set<Finding>>();

  add(finding: Finding, names: readonly string[]): void {
    for (const name of names) {
      const bursts = this.byName.get(name);
      if (bursts === undefined) this.byName.set(name, new Set([finding]));
      else bursts.add(finding);
    }
  }

  remove(finding: Finding, names: readonly string[]): void {
    for (const name of names) {
      const bursts = this.byName.get(name);
      bursts?.delete(finding);
      if (bursts?.size === 0) this.byName.delete(name);
    }
  }

  /** True when so many bursts have one of the names. */
  isShared(names: readonly string[], burstsMin: number): boolean {
    return names.some((name) => this.sizeOf(name) >= burstsMin);
  }

  /** Of each list the name that the most have, where those are enough; each once, the commonest first. */
  largest(lists: readonly (readonly string[])[], burstsMin: number): Shared[] {
    const names = new Set(lists.map((list) => this.commonest(list)));
    return [...names]
      .filter((name) => this.sizeOf(name) >= burstsMin)
      .sort((a, b) => this.compare(a, b))
      .map((name) => ({ name, bursts: this.byName.get(name) ?? new Set() }));
  }

  private commonest(names: readonly string[]): string {
    let best = "";
    for (const name of names) if (best === "" || this.compare(name, best) < 0) best = name;
    return best;
  }

  private compare(a: string, b: string): number {
    return this.sizeOf(b) - this.sizeOf(a) || (a < b ? -1 : 1);
  }

  private sizeOf(name: string): number {
    return this.byName.get(name)?.size ?? 0;
  }
}
