import { contactKey, portKey } from "../windows/contact-key.js";
import { poissonLowerTail } from "../windows/crowd-test.js";
import type { Contact } from "../windows/window-store.js";
import type { ScoreFactor } from "../incidents/incident.js";

/** Distinct ports from which a set of ports is no common choice. */
const portSetMin = 15;
/** What two sets of ports have in common, of all in them, where they are one list. */
const portSetShareMin = 0.8;
const overlapProbability = 1e-6;
/** Share of the grid of hosts and ports that sources who divide it reach together. */
const coverageMin = 0.3;
/** Sources that each host and each port must have on average. */
const sourcesEachMin = 2;

/** One source and what it failed at. */
export interface JobSource {
  readonly source: string;
  readonly contacts: readonly Contact[];
}

/** Sources that share a job, and what says so. */
export interface SharedJob {
  readonly sources: readonly JobSource[];
  readonly factor: ScoreFactor;
}

/**
 * Sources that went through the same list of ports, wherever: at least
 * `sourcesMin` with 15 ports or more, alike to the one in the middle by size.
 */
export function jobOfPorts(sources: readonly JobSource[], sourcesMin: number): SharedJob | undefined {
  const sets = sources
    .map((source) => ({ source, ports: portsOf(source) }))
    .filter(({ ports }) => ports.size >= portSetMin)
    .sort((a, b) => a.ports.size - b.ports.size || (a.source.source < b.source.source ? -1 : 1));
  if (sets.length < sourcesMin) return undefined;
  const { ports } = sets[sets.length >>> 1];
  const alike = sets.filter((other) => shareOf(ports, other.ports) >= portSetShareMin);
  if (alike.length < sourcesMin) return undefined;
  const factor = {
    name: "sources_of_one_port_list",
    value: alike.length,
    threshold: sourcesMin,
    weight: 0.5,
  };
  return { sources: alike.map(({ source }) => source), factor };
}

/**
 * Sources that divide a grid: they have its hosts and its ports in common, but
 * hardly any pair of the two, where independent ones would meet by chance
 * (union of independent draws, Poisson lower tail of the overlap).
 */
export function jobOfGrid(sources: readonly JobSource[], sourcesMin: number): SharedJob | undefined {
  const active = sources.filter(({ contacts }) => contacts.length >= 2);
  if (active.length < sourcesMin) return undefined;
  const { pairs, hosts, ports, hostVisits, portVisits, total } = gridOf(active);
  const grid = hosts * ports;
  if (hostVisits < sourcesEachMin * hosts || portVisits < sourcesEachMin * ports) return undefined;
  if (pairs < grid * coverageMin) return undefined;
  const missed = active.reduce((share, { contacts }) => share * (1 - contacts.length / grid), 1);
  const expected = total - grid * (1 - missed);
  if (poissonLowerTail(total - pairs, expected) >= overlapProbability) return undefined;
  const threshold = Math.round(expected * 100) / 100;
  return { sources: active, factor: { name: "overlap", value: total - pairs, threshold, weight: 0.5 } };
}

interface Grid {
  readonly pairs: number;
  readonly hosts: number;
  readonly ports: number;
  /** Distinct hosts and ports of each source, added up. */
  readonly hostVisits: number;
  readonly portVisits: number;
  readonly total: number;
}

function gridOf(sources: readonly JobSource[]): Grid {
  const pairs = new Set<string>();
  const hosts = new Set<string>();
  const ports = new Set<string>();
  let [hostVisits, portVisits, total] = [0, 0, 0];
  for (const source of sources) {
    total += source.contacts.length;
    for (const contact of source.contacts) {
      pairs.add(contactKey(contact));
      hosts.add(contact.destination);
    }
    hostVisits += new Set(source.contacts.map(({ destination }) => destination)).size;
    const own = portsOf(source);
    portVisits += own.size;
    for (const port of own) ports.add(port);
  }
  return { pairs: pairs.size, hosts: hosts.size, ports: ports.size, hostVisits, portVisits, total };
}

function portsOf({ contacts }: JobSource): Set<string> {
  return new Set(contacts.map(({ port, protocol }) => portKey(port, protocol)));
}

/** What two sets have in common, of all in them. */
function shareOf(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let common = 0;
  for (const port of a) if (b.has(port)) common++;
  return common / (a.size + b.size - common);
}
