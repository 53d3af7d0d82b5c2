import { directionOf, isOfSources } from "./burst-direction.js";
import { momentOf } from "./burst-groups.js";
import type { IncidentDraft } from "./incident-draft.js";
import type { Finding } from "./incident.js";

/** Twice the five minutes after which a host's own mean has forgotten what it did. */
const nearMs = 600_000;
/** Share of a burst's hosts that makes them the same. */
const sameHostsMin = 0.5;

/**
 * True when a cross-host burst goes on with an incident. What shares a peer
 * within minutes does, and the same hosts in the same moment, whatever peer they
 * share now. Hosts that share none go on with others of which nothing is known
 * either, within minutes, or with themselves. Later only the same hosts with the
 * same peer, or again with none, are the same burst that comes back.
 */
export function isSameBurst(burst: Finding, incident: IncidentDraft): boolean {
  const direction = directionOf(burst.primaryKey);
  if (direction === undefined || directionOf(incident.openedKey) !== direction) return false;
  const areSources = isOfSources(direction);
  const [hosts, peers] = areSources ? [burst.sources, burst.targets] : [burst.targets, burst.sources];
  const [knownHosts, knownPeers] = areSources
    ? [incident.sources, incident.targets]
    : [incident.targets, incident.sources];
  const areSameHosts = hosts.filter((host) => knownHosts.has(host)).length >= sameHostsMin * hosts.length;
  const isAlike = peers.length === 0 ? knownPeers.size === 0 : peers.some((peer) => knownPeers.has(peer));
  const gapMs = burst.sliceStartMs - incident.lastSliceEndMs;
  if (gapMs > nearMs) return areSameHosts && isAlike;
  return isAlike || (areSameHosts && (peers.length === 0 || gapMs <= momentOf(burst)));
}
