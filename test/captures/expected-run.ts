import type { Expectation, IncidentPattern } from "./verdict.js";

/** Why Picket does not say yet what is expected: checked as a miss, so that the table changes with the detectors. */
export interface Miss {
  /** A required incident is not found, or one is raised that should not be. */
  readonly what: "absent" | "unexpected";
  readonly why: string;
}

/** Files analyzed together, each as one sensor, with what the index says of them. */
export interface ExpectedRun extends Expectation {
  /** Paths below the captures folder; a trailing `*` stands for every file that begins so. */
  readonly files: readonly string[];
  /** What the index says, in few words. */
  readonly says: string;
  readonly miss?: Miss;
}

/** Parts of an expected run that are not always there. */
export interface RunDetails extends Partial<Omit<Expectation, "required">> {
  readonly miss?: Miss;
}

/** Files that must raise these incidents and nothing else. */
export function raises(
  files: string | readonly string[],
  says: string,
  required: IncidentPattern | readonly IncidentPattern[],
  { allowed = [], innocent = [], miss }: RunDetails = {},
): ExpectedRun {
  return {
    files: typeof files === "string" ? [files] : files,
    says,
    required: "kinds" in required ? [required] : required,
    allowed,
    innocent,
    miss,
  };
}

/** Files that raise nothing but, perhaps, what is allowed. */
export function raisesNothing(
  files: string | readonly string[],
  says: string,
  details: RunDetails = {},
): ExpectedRun {
  return raises(files, says, [], details);
}

/** A miss for want of a detector. */
export function notFound(why: string): Miss {
  return { what: "absent", why };
}

/** A miss by saying too much. */
export function tooLoud(why: string): Miss {
  return { what: "unexpected", why };
}
