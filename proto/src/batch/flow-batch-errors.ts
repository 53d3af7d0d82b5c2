/** Why a flow batch was refused: a closed list, so that it can be counted by reason. */
export const flowBatchErrors = [
  "too-large",
  "truncated",
  "varint",
  "wire-type",
  "epoch",
  "sequence",
  "count",
  "column-length",
  "addresses",
  "address-index",
  "traits",
  "fingerprints",
  "names",
  "arp",
  "enum-value",
  "time-range",
  "counter-range",
] as const;
export type FlowBatchError = (typeof flowBatchErrors)[number];
