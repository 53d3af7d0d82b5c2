/** Settings of ARP metering; times in microseconds. */
export interface ArpSettings {
  /** Pairs of addresses remembered at once, from 1 to 65,536. */
  readonly entriesMax: number;
  /** A request without an answer for this long is unanswered. */
  readonly holdTimeoutUs: number;
  /** A pair that goes on is reported at least this often, and forgotten after as long a silence. */
  readonly activeTimeoutUs: number;
  /** Most records in a second of requests, and most of everything else: more wait. */
  readonly recordsPerSecondMax: number;
}

/** Defaults of every setting. */
export const arpDefaults: ArpSettings = {
  entriesMax: 8192,
  holdTimeoutUs: 1_500_000,
  activeTimeoutUs: 60_000_000,
  recordsPerSecondMax: 1000,
};
