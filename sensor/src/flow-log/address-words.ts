import ipaddr from "ipaddr.js";

const { IPv4, IPv6 } = ipaddr;

/**
 * Writes an address in text form as four words, most significant first, IPv4
 * mapped; false when it is no address.
 */
export function parseAddressWords(text: string, words: Uint32Array): boolean {
  if (IPv4.isValidFourPartDecimal(text)) {
    const [a, b, c, d] = IPv4.parse(text).octets;
    words.set([0, 0, 0xffff, ((a << 24) | (b << 16) | (c << 8) | d) >>> 0]);
    return true;
  }
  if (!IPv6.isValid(text)) return false;
  const { parts } = IPv6.parse(text);
  for (let word = 0; word < 4; word++) words[word] = ((parts[word * 2] << 16) | parts[word * 2 + 1]) >>> 0;
  return true;
}
