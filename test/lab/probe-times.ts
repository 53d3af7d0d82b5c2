/** One small scan: a source that tries ports of one host, one after the other. */
export interface SmallScan {
  readonly source: string;
  readonly host: string;
  readonly ports: readonly number[];
}

/** When the probes of a scan were sent, milliseconds since the Unix epoch, in the order of its ports. */
export interface ProbeTimes {
  readonly source: string;
  readonly sentMs: readonly number[];
}
