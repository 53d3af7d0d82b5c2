import type { Finding } from "../incidents/incident.js";
import { contactKey } from "../windows/contact-key.js";
import { portKey } from "../windows/contact-key.js";
import { poissonLowerTail } from "../windows/crowd-test.js";
import type { SourceContacts } from "../windows/source-contacts.js";
import { crowdFinding } from "./crowd-finding.js";
import type { CrowdMembers } from "./crowd-contacts.js";
import type { SourcedContact } from "./finding-builder.js";
import { severityOf, type Evaluation } from "./source-scan.js";

const overlapProbability = 1e-6;
const sourcesMin = 3;
/** Share of the probed grid (hosts times ports) that a shared job covers. */
const coverageMin = 0.3;

/**
 * Sources of one prefix that share a job (Gates, NDSS 2009): together they cover
 * many (destination, port) pairs and overlap far less than independent scanners
 * of the same grid would (expected overlap = sum of n_i n_j / M).
 */
export function detectCampaign(members: CrowdMembers, evaluation: Evaluation): Finding | undefined {
  const active = members.sources.filter(({ failed }) => failed.length >= 2);
  if (active.length < sourcesMin) return undefined;
  const { union, total, grid } = coverageOf(active);
  const limit = evaluation.policy.scan.campaignContactsMin;
  if (union < limit || union < grid * coverageMin) return undefined;
  const expected = expectedOverlap(active, grid);
  const tail = poissonLowerTail(total - union, expected);
  if (tail >= overlapProbability) return undefined;
  const contacts: SourcedContact[] = active.flatMap(({ source, failed }) =>
    failed.map((contact) => ({ source, contact })),
  );
  const finding = crowdFinding(
    {
      kind: "campaign",
      severity: "medium",
      factors: [
        { name: "covered_contacts", value: union, threshold: limit, weight: 0.3 },
        { name: "overlap", value: total - union, threshold: Math.round(expected * 100) / 100, weight: 0.5 },
      ],
      sourceVerified: active.some(({ answeredHosts }) => answeredHosts.size > 0),
    },
    members,
    contacts.sort((a, b) => a.contact.firstMs - b.contact.firstMs || (a.source < b.source ? -1 : 1)),
    evaluation,
  );
  return severityOf(finding.contactCount, evaluation.policy) === "high"
    ? { ...finding, severity: "high" }
    : finding;
}

function coverageOf(sources: readonly SourceContacts[]): { union: number; total: number; grid: number } {
  const contacts = new Set<string>();
  const hosts = new Set<string>();
  const ports = new Set<string>();
  let total = 0;
  for (const { failed } of sources)
    for (const contact of failed) {
      total++;
      contacts.add(contactKey(contact));
      hosts.add(contact.destination);
      ports.add(portKey(contact.port, contact.protocol));
    }
  return { union: contacts.size, total, grid: hosts.size * ports.size };
}

function expectedOverlap(sources: readonly SourceContacts[], grid: number): number {
  let sum = 0;
  let squares = 0;
  for (const { failed } of sources) {
    sum += failed.length;
    squares += failed.length * failed.length;
  }
  return (sum * sum - squares) / 2 / grid;
}
