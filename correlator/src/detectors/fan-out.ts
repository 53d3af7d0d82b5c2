import { prefixOf, type AddressKey } from "../windows/address-key.js";
import { portKey } from "../windows/contact-key.js";
import type { SourceContacts } from "../windows/source-contacts.js";
import type { Contact } from "../windows/window-store.js";
import type { SiteEvaluation } from "./source-scan.js";

const icmpProtocols = new Set([1, 58]);
/** A source with this many answered peers on as many high ports runs a peer-to-peer program. */
const peersMin = 10;
const highPortMin = 1024;
const ipv6PrefixLength = 8;
const webPorts = new Set([80, 443]);
/** Share of the probes that are alike. */
const alikeShareMin = 0.8;
/** Networks (/24, /48) of web places, as a share of the connections. */
const webNetworksMin = 0.5;
/** Networks of peers, and ports of theirs, as shares of the peers. */
const peerNetworksMin = 0.8;
const peerPortsMin = 0.5;

/** True when ten peers on as many high ports answered. */
export function runsPeerToPeer({ answered, answeredHosts }: SourceContacts): boolean {
  const ports = new Set(
    answered
      .filter(({ port, protocol }) => port >= highPortMin && !icmpProtocols.has(protocol))
      .map(({ port }) => port),
  );
  return answeredHosts.size >= peersMin && ports.size >= peersMin;
}

/** Failures that look for places of their own, and not for what a port or a host has to offer. */
export function isFanOut(
  source: AddressKey,
  probes: readonly Contact[],
  { isInside }: SiteEvaluation,
): boolean {
  return leadsNowhere(source, probes) || (isInside(source) && seeksPeers(probes, isInside));
}

/**
 * Web connections over IPv6 to places that have nothing in common: nobody scans
 * so large a space for web servers, but a host whose IPv6 leads nowhere tries it
 * first for every place it visits.
 */
function leadsNowhere(source: AddressKey, probes: readonly Contact[]): boolean {
  if (source.length < ipv6PrefixLength) return false;
  const web = probes.filter(({ port }) => webPorts.has(port));
  return web.length >= probes.length * alikeShareMin && networksOf(web) >= web.length * webNetworksMin;
}

/**
 * Outside hosts in networks of their own, each at a high port of its own: a scan
 * has its ports or its hosts in common, a list of peers that are gone has neither.
 */
function seeksPeers(probes: readonly Contact[], isInside: (address: AddressKey) => boolean): boolean {
  const peers = probes.filter(({ port, destination }) => port >= highPortMin && !isInside(destination));
  const ports = new Set(peers.map(({ port, protocol }) => portKey(port, protocol)));
  return (
    peers.length >= probes.length * alikeShareMin &&
    networksOf(peers) >= peers.length * peerNetworksMin &&
    ports.size >= peers.length * peerPortsMin
  );
}

function networksOf(contacts: readonly Contact[]): number {
  return new Set(contacts.map(({ destination }) => prefixOf(destination))).size;
}
