import { runCommand } from "../command.js";
import { picketCommand, type Lab } from "../lab.js";
import type { Report } from "../report.js";
import { until } from "../until.js";
import { readSensors } from "./command-line.js";

const followMaxMs = 15_000;
/** Slices close sooner, for a lab that runs while one ends. */
const change = "incident.allowedLatenessSeconds=5";

/** One `picket policy set` reaches every sensor. */
export async function checkPolicy(_lab: Lab, report: Report): Promise<void> {
  const startMs = performance.now();
  await runCommand(picketCommand("policy", "set", change));
  let revisions: string[] = [];
  const isFollowed = await until(async () => {
    revisions = (await readSensors()).map(({ policyRevision = "0" }) => policyRevision);
    return revisions.every((revision) => revision !== "0");
  }, followMaxMs);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  report.check(
    isFollowed,
    "every sensor follows a change of the policy",
    `revisions ${[...new Set(revisions)].join(", ")} after ${seconds} s`,
  );
}
