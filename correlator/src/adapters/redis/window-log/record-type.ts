/** First byte of a record; `failed + 1` is answered, `+ 2` has addresses of any length. */
export const RecordType = {
  failed: 1,
  answered: 2,
  failedLong: 3,
  answeredLong: 4,
  start: 5,
  fact: 6,
  count: 7,
} as const;
