/**
 * Threshold random walk (Jung, Paxson, Berger, Balakrishnan, IEEE S&P 2004) as a
 * pure function of sets: per slice of event time the failed first contacts F and
 * the destination hosts S that answered for the first time;
 * L = max(0, L + F wF + C wC + D wD - S wS), with C the contacts at closed ports
 * and D the dark ones; a finding where L reaches ln(PD / PF). The floor at zero
 * leaves no credit to bank. Computed in millionths, so that sums are exact.
 */
export interface SequentialTest {
  /** Weight of a failed first contact, millionths of a nat. */
  readonly failedWeight: number;
  /** Weight of a destination that answered, millionths of a nat. */
  readonly answeredWeight: number;
  /** Weight of a first contact at a port known to be closed, millionths of a nat. */
  readonly closedWeight: number;
  /** Weight of a dark first contact, millionths of a nat. */
  readonly darkWeight: number;
  readonly threshold: number;
}

/**
 * Who knows his way never asks a port at which nothing listens (1 in 20 first
 * contacts); a scanner hits little else.
 */
const closedWeight = Math.round(Math.log(0.95 / 0.05) * 1e6);

/**
 * Silence is weaker: a host may be there and unseen. Of the first contacts of who
 * knows his way 1 in 10 at most leads to an address or port that was silent for
 * two days, half of those that fail at all; of a scanner's 9 in 10, as most
 * addresses of a network are free and most ports unused. ln 9: five decide.
 */
const darkWeight = Math.round(Math.log(0.9 / 0.1) * 1e6);

/** @param benign probability that a benign source's first contact succeeds; @param scanner the same of a scanner. */
export function sequentialTest(
  benign: number,
  scanner: number,
  detection: number,
  falsePositive: number,
): SequentialTest {
  return {
    failedWeight: Math.round(Math.log((1 - scanner) / (1 - benign)) * 1e6),
    answeredWeight: Math.round(Math.log(benign / scanner) * 1e6),
    closedWeight,
    darkWeight,
    threshold: Math.round(Math.log(detection / falsePositive) * 1e6),
  };
}

/** What happened in one slice; slices must come in ascending order. */
export interface SliceOutcomes {
  readonly slice: number;
  /** Failed first contacts, those at closed ports and the dark ones left out. */
  failed: number;
  answered: number;
  /** First contacts at ports known to be closed. */
  closed: number;
  /** First contacts with what was silent. */
  dark: number;
}

/** Level after the last slice, millionths of a nat. */
export function foldSlices(test: SequentialTest, slices: Iterable<SliceOutcomes>): number {
  let level = 0;
  for (const { failed, answered, closed, dark } of slices) {
    const gained = failed * test.failedWeight + closed * test.closedWeight + dark * test.darkWeight;
    level = Math.max(0, level + gained - answered * test.answeredWeight);
  }
  return level;
}
