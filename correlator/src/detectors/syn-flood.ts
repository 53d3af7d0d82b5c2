import type { Finding } from "../incidents/incident.js";
import type { CrowdMembers } from "./crowd-contacts.js";
import { crowdFinding } from "./crowd-finding.js";
import { marginWeight, type SourcedContact } from "./finding-builder.js";
import type { Evaluation } from "./source-scan.js";

const tcp = 6;
/** Seconds of the limiting rate that a flood must at least last. */
const secondsMin = 3;
/** Seconds of the limiting rate in one slice that are a flood at any momentary rate. */
const secondsCertain = 30;

/**
 * More sources than a crowd's window lists, arriving at one TCP service faster
 * than the policy's rate: a flood with spoofed sources (T1498.001), not a scan.
 * The rate is that of the listed sources (the first to arrive); while it lasts
 * only their number is kept of the rest.
 */
export function detectSynFlood(
  members: CrowdMembers,
  contacts: readonly SourcedContact[],
  evaluation: Evaluation,
): Finding | undefined {
  const { key } = members;
  const limit = evaluation.policy.burst.synFloodPerSecondMin;
  if (key.kind !== "service" || members.refused === 0 || contacts[0].contact.protocol !== tcp)
    return undefined;
  const rate = ratePerSecond(contacts);
  const isFast = rate >= limit && members.count >= limit * secondsMin;
  if (!isFast && members.count < limit * secondsCertain) return undefined;
  const finding = crowdFinding(
    {
      kind: "syn_flood",
      severity: "high",
      factors: [
        {
          name: "unanswered_syn_per_second",
          value: Math.round(rate),
          threshold: limit,
          weight: 0.6 + marginWeight(rate, limit, 0.05, 0.2),
        },
        { name: "failing_sources", value: members.count, threshold: limit * secondsMin, weight: 0.15 },
      ],
    },
    members,
    contacts,
    evaluation,
  );
  return { ...finding, sourceCount: members.count };
}

function ratePerSecond(contacts: readonly SourcedContact[]): number {
  const spanMs = contacts[contacts.length - 1].contact.firstMs - contacts[0].contact.firstMs;
  return contacts.length / Math.max(spanMs / 1000, 0.001);
}
