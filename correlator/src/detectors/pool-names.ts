const dot = 0x2e;
/** First labels of a pool's web pages, which people visit who do not mine. */
const siteLabels: ReadonlySet<string> = new Set(
  "www api app docs help support blog status static cdn assets img images account accounts my m news shop".split(
    " ",
  ),
);
const stratumLabel = Array.from("stratum", (character) => character.charCodeAt(0));

const compiled = new WeakMap<readonly string[], PoolNames>();

/** Names of pools' mining servers: below a known domain, or with a label that begins with "stratum". */
export class PoolNames {
  /** Domains by the hash of their characters, last first. */
  private readonly domains = new Map<number, string>();
  private readonly lengthMax: number;

  /** Made once for each list of the policy. */
  static of(domains: readonly string[]): PoolNames {
    let names = compiled.get(domains);
    if (names === undefined) compiled.set(domains, (names = new PoolNames(domains)));
    return names;
  }

  private constructor(domains: readonly string[]) {
    for (const domain of domains) {
      const text = domain.toLowerCase().replace(/^\.+|\.+$/g, "");
      let hash = 0;
      for (let at = text.length - 1; at >= 0; at--) hash = step(hash, text.charCodeAt(at));
      this.domains.set(hash, text);
    }
    this.lengthMax = Math.max(0, ...[...this.domains.values()].map(({ length }) => length));
  }

  /** Of the lower-case name in `[from, end)`; one pass, allocates for a match only. */
  has(bytes: Uint8Array, from: number, end: number): boolean {
    return this.isBelowDomain(bytes, from, end) || hasStratumLabel(bytes, from, end);
  }

  private isBelowDomain(bytes: Uint8Array, from: number, end: number): boolean {
    const first = Math.max(from, end - this.lengthMax - 1);
    let hash = 0;
    for (let at = end - 1; at >= first; at--) {
      if (bytes[at] === dot) {
        const domain = this.domains.get(hash);
        if (domain !== undefined && domain === textOf(bytes, at + 1, end))
          return !siteLabels.has(firstLabel(bytes, from, at));
      }
      hash = step(hash, bytes[at]);
    }
    return false;
  }
}

function step(hash: number, character: number): number {
  return (Math.imul(hash, 31) + character) | 0;
}

function hasStratumLabel(bytes: Uint8Array, from: number, end: number): boolean {
  for (let at = from; at + stratumLabel.length < end; at++) {
    if (at > from && bytes[at - 1] !== dot) continue;
    if (stratumLabel.every((character, index) => bytes[at + index] === character)) return true;
  }
  return false;
}

function firstLabel(bytes: Uint8Array, from: number, end: number): string {
  let at = from;
  while (at < end && bytes[at] !== dot) at++;
  return textOf(bytes, from, at);
}

function textOf(bytes: Uint8Array, from: number, end: number): string {
  let text = "";
  for (let at = from; at < end; at++) text += String.fromCharCode(bytes[at]);
  return text;
}
