/**
 * A kind of fact: what is collected for one detector. A fact is a member of the
 * set of one (kind, subject, slice), and merges like every window: repetition,
 * order and the number of correlators change nothing.
 */
export interface FactKind {
  /** Part of what is stored, 1 to 255: never given to another kind. */
  readonly id: number;
  readonly name: string;
  /** Length of a slice of event time, milliseconds: a multiple of `startSliceMs`. */
  readonly sliceMs: number;
  /** Slices before the one in question that its detector reads. */
  readonly slicesBefore: number;
  /** Distinct members in a slice below which its detector never fires. */
  readonly hotMembersMin: number;
  /** Members of one subject and slice that are kept; the rest are counted. */
  readonly membersMax: number;
  /** Whether a member was seen counts, not when last: a process writes it once for a slice and sensor. */
  readonly isOnce?: boolean;
  /** Of use when its slice closes: a merge names the window the first time only. */
  readonly isQuiet?: boolean;
}

/** What one record adds: a member of a subject's set. */
export interface FactObservation {
  readonly kind: FactKind;
  /** What is asked about, a binary string of at most 64 chars. */
  readonly subject: string;
  /** What was seen of it, a binary string of at most 255 chars. */
  readonly member: string;
  /** Event time, milliseconds. */
  readonly timeMs: number;
  /** Merged by maximum; below 2^53. */
  readonly value: number;
  /** Hash of the sensor's name. */
  readonly sensor: number;
}

/** One member of a subject's set in one slice, as all sensors saw it. */
export interface FactMember {
  readonly member: string;
  /** Earliest and latest event time in the slice, milliseconds. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** The greatest. */
  readonly value: number;
  /** Hashes of up to four sensors that saw it, ascending (the smallest four). */
  readonly sensors: readonly number[];
}

/** A subject's set in one slice. */
export interface FactWindow {
  readonly kind: FactKind;
  readonly subject: string;
  /** floor(event time / kind.sliceMs). */
  readonly slice: number;
  /** In order of time, then member. */
  readonly members: readonly FactMember[];
  /** Members that the cap refused (an estimate). */
  readonly refused: number;
}

/** Where facts are put while records are observed. */
export type AddFact = (
  kind: FactKind,
  subject: string,
  member: string,
  timeMs: number,
  value?: number,
) => void;
