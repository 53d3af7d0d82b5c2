import { Outcome } from "@picket/proto/batch/flow-columns.js";
import type { HomeNetworks } from "../flows/home-networks.js";
import type { SourceContacts } from "../windows/source-contacts.js";
import type { Contact, Silence } from "../windows/window-store.js";

const tcp = 6;
const sctp = 132;
/** Failed contacts of a source that are looked at, the earliest: far more than decide. */
const lookedAtMax = 64;

/**
 * Distinct dark contacts from which they weigh as such, and which are enough by
 * themselves. Fewer have their reasons: a list of servers that are gone, a
 * printer that is switched off.
 */
export const darkContactsMin = 5;

/**
 * Failed connections of a source that may be dark: to silent addresses beside the
 * sensors' hosts, from outside to any port of an inside host. None where no
 * sensor told its addresses. A ping is none: DHCP servers and monitors ask that
 * way whether an address is free or a host is there. Neither is a datagram.
 */
export function darkCandidates({ source, failed }: SourceContacts, home: HomeNetworks): Contact[] {
  if (!home.hasSensors) return [];
  const isOutside = !home.isInsideKey(source);
  return failed
    .filter(
      (contact) =>
        (contact.protocol === tcp || contact.protocol === sctp) &&
        contact.outcome < Outcome.halfOpen &&
        (isOutside ? home.isInsideKey(contact.destination) : isAtFreeAddress(contact, home)),
    )
    .slice(0, lookedAtMax);
}

/**
 * The dark ones among the candidates. An address counts once, by the first
 * contact with it, so that a client that looks for one dead server at many ports
 * has one; ports count each, for sources from outside, at addresses that are not dark.
 * @param silences of the candidates, by index
 */
export function darkContacts(
  { source }: SourceContacts,
  candidates: readonly Contact[],
  silences: readonly Silence[],
  home: HomeNetworks,
): ReadonlySet<Contact> {
  const isOutside = !home.isInsideKey(source);
  const dark = new Set<Contact>();
  const addresses = new Set<string>();
  for (const [index, contact] of candidates.entries()) {
    const { destination } = contact;
    if (silences[index].isAddressSilent && isAtFreeAddress(contact, home)) {
      if (!addresses.has(destination)) dark.add(contact);
      addresses.add(destination);
    } else if (isOutside && silences[index].isPortSilent) dark.add(contact);
  }
  return dark;
}

function isAtFreeAddress({ destination, outcome }: Contact, home: HomeNetworks): boolean {
  return outcome === Outcome.ignored && home.isBesideSensors(destination);
}
