import type { Finding } from "../incidents/incident.js";
import { portKey } from "../windows/contact-key.js";
import { contactSliceMs, type Contact } from "../windows/window-store.js";
import type { CrowdMembers } from "./crowd-contacts.js";
import { crowdFinding } from "./crowd-finding.js";
import { marginWeight, type SourcedContact } from "./finding-builder.js";
import { severityOf, type Evaluation } from "./source-scan.js";

/** Sources of one job below which there is none. */
const sourcesMin = 3;
/** Share of the fewer ports of two sources that both touched, and of the more ports that the fewer are. */
const sharedPortsMin = 0.8;
/** Most that the same port's first contacts by two sources lie apart, by the median, milliseconds. */
const apartMsMax = 10_000;
/** Largest sources that a group is looked for around. */
const leadersMax = 8;

/** What one source touched at the target. */
interface Probes {
  readonly source: string;
  readonly contacts: readonly Contact[];
  readonly firstMs: ReadonlyMap<string, number>;
}

/**
 * One scan of a target under several addresses (nmap -D), or one job shared out
 * so that every address does all of it: sources that touch the same ports of one
 * target in the same moments, one port after the other. Independent scanners may
 * choose the same ports, but not the same moments. Which of the addresses is
 * real cannot be seen, so none counts as verified.
 */
export function detectDecoyScan(members: CrowdMembers, evaluation: Evaluation): Finding | undefined {
  const { scan } = evaluation.policy;
  const scanners = members.sources
    .filter(({ failed }) => failed.length >= scan.portsPerTarget)
    .map((source) => probesOf(source.source, source.failed, members))
    .filter(({ firstMs }) => firstMs.size >= scan.portsPerTarget)
    .sort((a, b) => b.firstMs.size - a.firstMs.size || (a.source < b.source ? -1 : 1));
  if (scanners.length < sourcesMin) return undefined;
  let group: Probes[] = [];
  for (const leader of scanners.slice(0, leadersMax)) {
    const alike = scanners.filter((other) => other === leader || isSameJob(leader, other));
    if (alike.length > group.length) group = alike;
  }
  return group.length < sourcesMin ? undefined : findingOfGroup(group, members, evaluation);
}

function probesOf(source: string, failed: readonly Contact[], { key }: CrowdMembers): Probes {
  const fromMs = (key.slice - 1) * contactSliceMs;
  const contacts = failed.filter(
    (contact) => contact.destination === key.subject && contact.firstMs >= fromMs,
  );
  const firstMs = new Map(
    contacts.map((contact) => [portKey(contact.port, contact.protocol), contact.firstMs]),
  );
  return { source, contacts, firstMs };
}

/** @param larger has at least as many ports */
function isSameJob(a: Probes, b: Probes): boolean {
  const [smaller, larger] = a.firstMs.size <= b.firstMs.size ? [a, b] : [b, a];
  if (smaller.firstMs.size < sharedPortsMin * larger.firstMs.size) return false;
  const apartMs: number[] = [];
  for (const [port, timeMs] of smaller.firstMs) {
    const other = larger.firstMs.get(port);
    if (other !== undefined) apartMs.push(Math.abs(other - timeMs));
  }
  if (apartMs.length < sharedPortsMin * smaller.firstMs.size) return false;
  apartMs.sort((x, y) => x - y);
  return apartMs[apartMs.length >>> 1] <= apartMsMax;
}

function findingOfGroup(group: readonly Probes[], members: CrowdMembers, evaluation: Evaluation): Finding {
  const { scan } = evaluation.policy;
  const contacts: SourcedContact[] = group
    .flatMap(({ source, contacts: own }) => own.map((contact) => ({ source, contact })))
    .sort((a, b) => a.contact.firstMs - b.contact.firstMs || (a.source < b.source ? -1 : 1));
  const ports = Math.max(...group.map(({ firstMs }) => firstMs.size));
  return crowdFinding(
    {
      kind: "distributed_scan",
      severity: severityOf(ports, evaluation.policy),
      factors: [
        { name: "sources_in_step", value: group.length, threshold: sourcesMin, weight: 0.5 },
        {
          name: "failed_ports_per_target",
          value: ports,
          threshold: scan.portsPerTarget,
          weight: 0.3 + marginWeight(ports, scan.portsPerTarget, 0.03, 0.15),
        },
      ],
    },
    members,
    contacts,
    evaluation,
  );
}
