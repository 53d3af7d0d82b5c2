import type { CoverageHistory, TimeSpan } from "../sensors/coverage-history.js";
import { mergeLapses, type CoverageLapse, type LapseReason } from "../sensors/coverage-lapse.js";
import type { Coverage } from "./incident.js";

/** Lapses an incident lists. */
const lapsesMax = 100;

/** The coverage of an incident, and a text that changes whenever it does. */
export interface Covered {
  readonly coverage: Coverage;
  readonly fingerprint: string;
}

/** What the coverage depends on, besides the history. */
interface Seen {
  readonly id: string;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
}

interface Remembered extends Covered {
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
}

/**
 * What the fleet could not see while an incident was seen. Worked out again
 * only when the incident's time grew or something became known about it.
 */
export class IncidentCoverage {
  private readonly remembered = new Map<string, Remembered>();

  constructor(private readonly history: CoverageHistory) {}

  /** @param said lapses that the incident was last told with, perhaps by another process */
  of({ id, firstSeenMs, lastSeenMs }: Seen, said: readonly CoverageLapse[]): Covered {
    const known = this.remembered.get(id);
    if (known?.firstSeenMs === firstSeenMs && known.lastSeenMs === lastSeenMs) return known;
    const fresh = this.history.lapsesIn({ fromMs: firstSeenMs, toMs: lastSeenMs });
    const coverage = coverageOf(mergeLapses(said, fresh, lastSeenMs));
    const fingerprint = coverage.lapses
      .map(({ sensor, reason, fromMs, toMs, count }) => `${sensor} ${reason} ${fromMs} ${toMs} ${count}`)
      .join();
    const covered = { coverage, fingerprint, firstSeenMs, lastSeenMs };
    this.remembered.set(id, covered);
    return covered;
  }

  /** Something became known about this time. */
  lookAgain({ fromMs, toMs }: TimeSpan): void {
    for (const [id, { firstSeenMs, lastSeenMs }] of this.remembered)
      if (fromMs <= lastSeenMs && toMs >= firstSeenMs) this.remembered.delete(id);
  }

  /** Forgets every incident that is not wanted any more. */
  keepOnly(isWanted: (id: string) => boolean): void {
    for (const id of this.remembered.keys()) if (!isWanted(id)) this.remembered.delete(id);
  }
}

/** Coverage with the given lapses; the members that windows refused are the draft's. */
export function coverageOf(lapses: readonly CoverageLapse[]): Coverage {
  const sensorsOf = (...reasons: LapseReason[]): string[] => [
    ...new Set(lapses.filter(({ reason }) => reasons.includes(reason)).map(({ sensor }) => sensor)),
  ];
  const lost = lapses.filter(({ reason }) => reason === "lost");
  return {
    silentSensors: sensorsOf("silent"),
    droppingSensors: sensorsOf("dropping", "lost", "crash"),
    waitingSensors: sensorsOf("waiting"),
    refusedMembers: 0,
    lostRecords: lost.reduce((sum, { count }) => sum + count, 0),
    lapses: lapses.slice(0, lapsesMax),
  };
}
