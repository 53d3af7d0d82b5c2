import type { CrowdItem } from "./merge-plan.js";
import { crowdBucket, crowdFamily, type CrowdFamily } from "./window-keys.js";

/** Most crowds of one run, which writes its count in two bytes. */
const runItemsMax = 4096;

/** Crowds of one source each whose records lie in one string. */
export interface CrowdRun {
  readonly slice: number;
  readonly family: CrowdFamily;
  readonly bucket: number;
  readonly items: CrowdItem[];
}

/**
 * Gathers the crowds that a micro-batch saw one source of by the string of
 * records they lie in, so that a script handles a string once.
 */
export class CrowdRuns {
  private readonly runs: CrowdRun[] = [];
  private readonly open = new Map<CrowdFamily, (CrowdRun | undefined)[]>();

  /** False when the crowd is none of these. */
  take(item: CrowdItem): boolean {
    if (item.isLong || item.sources.length !== 1) return false;
    const family = crowdFamily(item.kind, item.subject.length);
    if (family.sourceBytes === 4 && item.sources[0].length !== 4) return false;
    this.run(family, crowdBucket(family, item.hashed), item.slice).items.push(item);
    return true;
  }

  all(): readonly CrowdRun[] {
    return this.runs;
  }

  private run(family: CrowdFamily, bucket: number, slice: number): CrowdRun {
    let open = this.open.get(family);
    if (open === undefined) this.open.set(family, (open = Array.from({ length: family.buckets })));
    const known = open[bucket];
    if (known !== undefined && known.slice === slice && known.items.length < runItemsMax) return known;
    const run: CrowdRun = { slice, family, bucket, items: [] };
    open[bucket] = run;
    this.runs.push(run);
    return run;
  }
}
