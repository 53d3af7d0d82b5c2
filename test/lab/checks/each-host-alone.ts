import { hosts, sweepSources } from "../address-plan.js";
import { correlateAlone } from "../alone.js";
import type { Lab } from "../lab.js";
import type { Report } from "../report.js";

/**
 * What each sensor published so far, correlated without the others, raises
 * nothing; all of it together through the same engine does.
 */
export async function checkEachHostAlone(lab: Lab, report: Report): Promise<void> {
  const batches = [...lab.recorder.batches];
  const raised: string[] = [];
  for (const { sensor } of hosts) {
    const own = batches.filter((batch) => batch.sensor === sensor);
    const incidents = await correlateAlone(own);
    if (own.length === 0) raised.push(`${sensor} published nothing`);
    raised.push(...incidents.map(({ kind }) => `${sensor}: ${kind}`));
  }
  const together = await correlateAlone(batches);
  const isWhole = together.length === 1 && together[0].sourceCount === sweepSources.length;
  report.check(
    raised.length === 0 && isWhole,
    "each host correlated alone raises nothing",
    `${batches.length} batches of ${hosts.length} sensors, ${raised.length} incidents alone` +
      `${raised.map((each) => ` (${each})`).join("")}, ${together.length} together of ${together[0]?.contactCount ?? 0} contacts`,
  );
}
