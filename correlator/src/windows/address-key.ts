/**
 * An address as a short binary string, one char a byte: 4 chars IPv4, 16 IPv6,
 * 8 an IPv6 /64 prefix (the key of an outside IPv6 source), 3 an IPv4 /24 and
 * 6 an IPv6 /48 (source groups).
 */
export type AddressKey = string;

/** Key of the address in the four words at `offset` (IPv4 mapped: 4 chars). */
export function addressKeyOfWords(words: Uint32Array, offset: number): AddressKey {
  const last = words[offset + 3];
  if (words[offset] === 0 && words[offset + 1] === 0 && words[offset + 2] === 0xffff) return wordText(last);
  return wordText(words[offset]) + wordText(words[offset + 1]) + wordText(words[offset + 2]) + wordText(last);
}

function wordText(word: number): string {
  return String.fromCharCode(word >>> 24, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff);
}

/** The group of sources an address belongs to: its /24 or /48. */
export function prefixOf(address: AddressKey): AddressKey {
  return address.length === 4 ? address.slice(0, 3) : address.slice(0, 6);
}

/** Text form: "10.0.0.1", "2001:db8::1", or with a prefix length where shortened. */
export function formatAddressKey(key: AddressKey): string {
  if (key.length === 4) return ipv4Text(key);
  if (key.length === 3) return `${ipv4Text(`${key}\0`)}/24`;
  if (key.length === 16) return ipv6Text(key);
  return `${ipv6Text(key.padEnd(16, "\0"))}/${key.length * 8}`;
}

function ipv4Text(key: string): string {
  return `${key.charCodeAt(0)}.${key.charCodeAt(1)}.${key.charCodeAt(2)}.${key.charCodeAt(3)}`;
}

function ipv6Text(key: string): string {
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((key.charCodeAt(i) << 8) | key.charCodeAt(i + 1));
  const run = longestZeroRun(groups);
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(":");
  if (run.length < 2) return hex(0, 8);
  return `${hex(0, run.start)}::${hex(run.start + run.length, 8)}`;
}

/** RFC 5952: the first longest run of zero groups is written "::". */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let i = 0; i <= groups.length; i++) {
    if (i < groups.length && groups[i] === 0) continue;
    if (i - start > best.length) best = { start, length: i - start };
    start = i + 1;
  }
  return best;
}
