import type { Finding } from "../incidents/incident.js";
import { portKey } from "../windows/contact-key.js";
import type { CrowdMembers } from "./crowd-contacts.js";
import { crowdFinding } from "./crowd-finding.js";
import { marginWeight, type SourcedContact } from "./finding-builder.js";
import { severityOf, type Evaluation } from "./source-scan.js";

/** Share of the ports that is alone a scan, from which on a source has a part of one. */
const partMin = 0.5;
/** Most touches of a port that another source touched, too, of all touches. */
const overlapShareMax = 0.1;

/**
 * The ports of one target dealt out to several sources: each of them touches many,
 * and hardly any port has two visitors. Independent scanners meet at the ports
 * that are popular; those who divide a job have no reason to.
 */
export function detectDividedScan(
  members: CrowdMembers,
  contacts: readonly SourcedContact[],
  evaluation: Evaluation,
): Finding | undefined {
  const { portsPerTarget, crowdSourcesMin } = evaluation.policy.scan;
  const parts = bySource(contacts).filter(({ length }) => length >= portsPerTarget * partMin);
  if (parts.length < crowdSourcesMin) return undefined;
  const touches = parts.flat();
  const ports = new Set(touches.map(({ contact }) => portKey(contact.port, contact.protocol))).size;
  const overlap = touches.length - ports;
  if (overlap > touches.length * overlapShareMax) return undefined;
  return crowdFinding(
    {
      kind: "distributed_scan",
      severity: severityOf(ports, evaluation.policy),
      factors: [
        { name: "sources_of_divided_ports", value: parts.length, threshold: crowdSourcesMin, weight: 0.5 },
        {
          name: "failed_ports_per_target",
          value: ports,
          threshold: portsPerTarget,
          weight: 0.2 + marginWeight(ports, portsPerTarget, 0.03, 0.15),
        },
        {
          name: "overlap",
          value: overlap,
          threshold: Math.floor(touches.length * overlapShareMax),
          weight: 0,
        },
      ],
    },
    members,
    touches.sort((a, b) => a.contact.firstMs - b.contact.firstMs || (a.source < b.source ? -1 : 1)),
    evaluation,
  );
}

function bySource(contacts: readonly SourcedContact[]): SourcedContact[][] {
  const parts = new Map<string, SourcedContact[]>();
  for (const each of contacts) {
    const part = parts.get(each.source);
    if (part === undefined) parts.set(each.source, [each]);
    else part.push(each);
  }
  return [...parts.values()];
}
