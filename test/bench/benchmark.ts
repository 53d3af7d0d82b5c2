/** What a benchmark is told on the command line. */
export interface BenchmarkOptions {
  /** Times each measurement is repeated, alternating between the measured things. */
  readonly runs: number;
  /** Packets of a generated capture file. */
  readonly packets: number;
  /** Flows of a generated capture file or stream. */
  readonly flows: number;
}

/** Measured values of one thing, one a run, in the unit of the result. */
export interface Measurement {
  readonly label: string;
  readonly values: readonly number[];
}

/** One line of the result table plus what the JSON line says. */
export interface BenchmarkResult {
  readonly metric: string;
  readonly unit: string;
  /** Ours first. */
  readonly measurements: readonly Measurement[];
  /** Median of ours. */
  readonly value: number;
  /** Median of each peer. */
  readonly peers: Readonly<Record<string, number>>;
  /** Ours to each peer, or as `metric` says. */
  readonly ratio: Readonly<Record<string, number>>;
  /** Medians that stand apart from `value`, in the same unit. */
  readonly apart?: Readonly<Record<string, number>>;
  readonly runs: number;
  /** What a reader must know, for example which peer is missing. */
  readonly notes: readonly string[];
}

/** A claim that can be measured again: `npm run bench -- NAME`. */
export interface Benchmark {
  readonly name: string;
  readonly summary: string;
  /** Options that differ from the common defaults. */
  readonly defaults?: Partial<BenchmarkOptions>;
  run(options: BenchmarkOptions): Promise<BenchmarkResult>;
}

/** The middle value; the mean of the two middle ones of an even number. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Rounded for a table: three significant digits, as a plain number. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
