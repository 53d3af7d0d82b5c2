import type { Finding, ScoreFactor } from "../incidents/incident.js";
import { crowdBaseline, crowdTail } from "../windows/crowd-test.js";
import { contactSliceMs } from "../windows/window-store.js";
import type { CrowdMembers } from "./crowd-contacts.js";
import { crowdFinding } from "./crowd-finding.js";
import { marginWeight, type SourcedContact } from "./finding-builder.js";
import { jobOfGrid, jobOfPorts, type JobSource, type SharedJob } from "./shared-job.js";
import { severityOf, type Evaluation } from "./source-scan.js";

const tcp = 6;
const sourcesMin = 5;

/**
 * Outside sources of one SYN fingerprint that share a job within 20 minutes. A
 * fingerprint alone proves nothing: whole families of systems have the same.
 * There must be more of them than its own history explains, and they must go
 * through one list of ports, or divide hosts and ports among themselves.
 */
export function detectFingerprintCampaign(
  members: CrowdMembers,
  evaluation: Evaluation,
): Finding | undefined {
  const { history, key, count } = members;
  if (count < sourcesMin) return undefined;
  const sources = recentContacts(members);
  const job = jobOfPorts(sources, sourcesMin) ?? jobOfGrid(sources, sourcesMin);
  if (job === undefined) return undefined;
  const { crowdProbability } = evaluation.policy.scan;
  const tail = crowdTail(count, crowdBaseline(history, key.slice, crowdProbability));
  if (tail >= crowdProbability) return undefined;
  const surprise = -Math.log10(Math.max(tail, 1e-300));
  const threshold = -Math.log10(crowdProbability);
  const crowd = {
    name: "equal_fingerprints_surprise",
    value: Math.round(surprise * 100) / 100,
    threshold: Math.round(threshold * 100) / 100,
    weight: 0.3 + marginWeight(surprise, threshold, 0.05, 0.15),
  };
  return findingFrom(members, job, [crowd, job.factor], evaluation);
}

/** What each source failed at inside, in the slice and the one before. */
function recentContacts({ sources, key, isInside }: CrowdMembers): JobSource[] {
  const fromMs = (key.slice - 1) * contactSliceMs;
  const recent = sources.map(({ source, failed }) => ({
    source,
    contacts: failed.filter(
      ({ protocol, firstMs, destination }) => protocol === tcp && firstMs >= fromMs && isInside(destination),
    ),
  }));
  return recent.filter(({ contacts }) => contacts.length > 0);
}

function findingFrom(
  members: CrowdMembers,
  { sources }: SharedJob,
  factors: readonly ScoreFactor[],
  evaluation: Evaluation,
): Finding {
  const contacts = sources.flatMap(({ source, contacts: own }) =>
    own.map((contact): SourcedContact => ({ source, contact })),
  );
  const finding = crowdFinding(
    {
      kind: "campaign",
      severity: "medium",
      factors,
    },
    members,
    contacts.sort((a, b) => a.contact.firstMs - b.contact.firstMs || (a.source < b.source ? -1 : 1)),
    evaluation,
  );
  return severityOf(finding.contactCount, evaluation.policy) === "high"
    ? { ...finding, severity: "high" }
    : finding;
}
