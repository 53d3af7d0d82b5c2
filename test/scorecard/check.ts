/** What a check came to. */
export interface Measured {
  /** The figure for the page. */
  readonly figure: string;
  readonly isKept: boolean;
}

/** One promise of detection, with how it is measured. */
export interface Check {
  /** What is done. */
  readonly name: string;
  /** What must come of it. */
  readonly bar: string;
  /** The same figure on every machine: nothing in it reads a clock. */
  readonly measure: () => Promise<Measured>;
  /** It reads the captures folder. */
  readonly needsCaptures?: true;
  /** Minutes of work: measured where the page is, with the captures at hand. */
  readonly isLong?: true;
  /** Why the bar is missed; a check that begins to keep it fails until this is struck out. */
  readonly miss?: string;
}

/** Checks of one sort. */
export interface CheckSection {
  readonly title: string;
  readonly text: string;
  readonly checks: readonly Check[];
}
