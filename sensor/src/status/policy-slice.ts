/** The part of the central policy that a sensor follows. */
export interface PolicySlice {
  readonly revision: number;
  /** What is undefined keeps its default. */
  readonly activeTimeoutMs?: number;
  readonly idleTimeoutMs?: number;
  readonly holdTimeoutMs?: number;
  readonly filter?: string;
  readonly snapLengthBytes?: number;
  /** Keep host names from DNS and TLS, and how many a second. */
  readonly hostNames?: boolean;
  readonly hostNamesPerSecond?: number;
}

/** Least and most of each number, as the policy's schema has them. */
const bounds = {
  activeTimeoutMs: [1000, 3_600_000],
  idleTimeoutMs: [1000, 3_600_000],
  holdTimeoutMs: [100, 60_000],
  snapLengthBytes: [64, 65_535],
  hostNamesPerSecond: [1, 100_000],
} as const;
const filterLengthMax = 4096;

/** The name of the first field a sensor cannot follow; undefined when the slice is fine. */
export function sliceFault(slice: PolicySlice): string | undefined {
  if ((slice.filter?.length ?? 0) > filterLengthMax || slice.filter?.includes("\0")) return "filter";
  return (Object.keys(bounds) as (keyof typeof bounds)[]).find((field) => {
    const value = slice[field];
    return value !== undefined && !(value >= bounds[field][0] && value <= bounds[field][1]);
  });
}
