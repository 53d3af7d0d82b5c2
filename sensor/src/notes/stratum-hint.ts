/** Keys and values of mining protocols, one bit each. */
const Token = {
  method: 0x01,
  mining: 0x02,
  ethereum: 0x04,
  login: 0x08,
  secondLogin: 0x10,
  password: 0x20,
  job: 0x40,
  work: 0x80,
} as const;

const quote = 0x22;
/** Text without a quote in its first bytes is no JSON, nor the rest of one. */
const firstQuoteMax = 256;

const words: readonly (readonly [text: string, token: number])[] = [
  ['method"', Token.method],
  ["mining.subscribe", Token.mining],
  ["mining.authorize", Token.mining],
  ["mining.notify", Token.mining],
  ["mining.submit", Token.mining],
  ["mining.set_", Token.mining],
  ["mining.configure", Token.mining],
  ["mining.extranonce", Token.mining],
  ["mining.hello", Token.mining],
  ["eth_submit", Token.ethereum],
  ["eth_getWork", Token.ethereum],
  ['login"', Token.login],
  ['pass"', Token.password],
  ['agent"', Token.password],
  ['job"', Token.job],
  ['job_id"', Token.job],
  ['blob"', Token.work],
  ['nonce"', Token.work],
  ['seed_hash"', Token.work],
];

/** The words by their first letter. */
const wordsByLetter = Array.from({ length: 256 }, (_, letter) =>
  words
    .filter(([text]) => text.charCodeAt(0) === letter)
    .map(([text, token]) => ({
      bytes: Uint8Array.from(text, (character) => character.charCodeAt(0)),
      token,
    })),
);

/**
 * True when the text in `[offset, end)` is stratum, the JSON-RPC between miners
 * and pools: a call of `mining.…` or of Ethereum's work methods, a login with
 * name and password as pools of Monero take it, or a job with its work. The
 * words must follow a quote, so the time is that of one pass.
 */
export function isStratum(bytes: Uint8Array, offset: number, end: number): boolean {
  let found = 0;
  let limit = Math.min(end, offset + firstQuoteMax);
  for (let position = offset; position < limit; position++) {
    if (bytes[position] !== quote) continue;
    limit = end;
    const token = tokenAt(bytes, position + 1, end);
    if (token === 0) continue;
    found |= token === Token.login && (found & Token.login) !== 0 ? Token.secondLogin : token;
    if (isEnough(found)) return true;
  }
  return false;
}

function tokenAt(bytes: Uint8Array, offset: number, end: number): number {
  if (offset >= end) return 0;
  for (const word of wordsByLetter[bytes[offset]])
    if (startsWith(bytes, offset, end, word.bytes)) return word.token;
  return 0;
}

function startsWith(bytes: Uint8Array, offset: number, end: number, word: Uint8Array): boolean {
  if (offset + word.length > end) return false;
  for (let at = 0; at < word.length; at++) if (bytes[offset + at] !== word[at]) return false;
  return true;
}

function isEnough(found: number): boolean {
  if ((found & Token.job) !== 0 && (found & Token.work) !== 0) return true;
  if ((found & Token.method) === 0) return false;
  return (found & (Token.mining | Token.ethereum)) !== 0 || (found & logins) === logins;
}

const logins = Token.login | Token.secondLogin | Token.password;
