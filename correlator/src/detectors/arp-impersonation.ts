import { ArpOperation } from "@picket/proto/batch/flow-columns.js";
import type { ArpRow } from "../flows/flow-row.js";
import type { Finding, ScoreFactor } from "../incidents/incident.js";
import { formatAddressKey, type AddressKey } from "../windows/address-key.js";
import type { AddFact, FactMember, FactWindow } from "../windows/fact-window.js";
import type { FactDetector, FactEvaluation } from "./fact-detector.js";
import { factFinding } from "./fact-finding.js";
import { marginWeight } from "./finding-builder.js";
import { formatMac, isUnasked, isVirtualMac, noAddress } from "./arp-claims.js";
import { mergeFacts, sortFacts } from "./merge-facts.js";

const toldMark = "t";
const askedMark = "r";
const heldMark = "h";

/** A MAC told `told` unasked, or asked it, in the name of `claimed`. */
interface Claim {
  readonly claimed: AddressKey;
  readonly told: AddressKey;
  readonly isUnasked: boolean;
  readonly fact: FactMember;
}

/**
 * ARP spoofing by what one MAC says (T1557.002): it tells b unasked that it is
 * a, and a that it is b; or it tells somebody unasked that it is a, and asks
 * for a itself. One MAC with many addresses, or answers that nobody asked for,
 * are no findings: routers, proxies and one-way mirrors look like that.
 *
 * Cost: a member for each address that a MAC asks for or answers as, in 10
 * minutes; traffic other than ARP costs nothing.
 */
export const arpImpersonation: FactDetector = {
  kinds: ["arp_spoof"],
  facts: {
    id: 2,
    name: "arp_claims",
    sliceMs: 600_000,
    slicesBefore: 5,
    hotMembersMin: 2,
    membersMax: 2048,
  },

  observeArp(arp: ArpRow, add: AddFact): void {
    const operation = arp.columns.operation[arp.row];
    if (operation === ArpOperation.probe) return;
    const mac = arp.senderMac();
    if (isVirtualMac(mac)) return;
    add(arpImpersonation.facts, mac, memberOf(arp, operation), arp.endMs);
  },

  detect(windows: readonly FactWindow[], evaluation: FactEvaluation): Finding | undefined {
    const last = windows[windows.length - 1];
    const facts = sortFacts(mergeFacts(windows).values());
    const claims = facts.flatMap(claimOf);
    if (!claims.some((claim) => claim.isUnasked)) return undefined;
    const pairs = twoWayClaims(claims);
    const contradicted = selfAskedClaims(claims);
    const proof = pairs.length > 0 ? pairs : contradicted;
    if (proof.length === 0) return undefined;
    const mac = formatMac(last.subject);
    return factFinding(
      {
        kind: "arp_spoof",
        primaryKey: mac,
        severity: "high",
        factors: pairs.length > 0 ? twoWayFactors(pairs) : contradictionFactors(contradicted, facts),
        sources: [mac],
        targets: partiesOf(proof),
        ports: [],
        contactCount: proof.length,
        members: proof.map(({ fact }) => fact),
      },
      last,
      evaluation,
    );
  },
};

function memberOf(arp: ArpRow, operation: number): string {
  if (operation === ArpOperation.request) return askedMark + arp.sender() + arp.target();
  return isUnasked(arp) ? toldMark + arp.sender() + arp.target() : heldMark + arp.sender();
}

function claimOf(fact: FactMember): Claim[] {
  const mark = fact.member[0];
  if (mark === heldMark) return [];
  const claimed = fact.member.slice(1, 5);
  const told = fact.member.slice(5);
  return [{ claimed, told, isUnasked: mark === toldMark, fact }];
}

/** Claims to each other's addresses, of which one at least nobody asked for. */
function twoWayClaims(claims: readonly Claim[]): Claim[] {
  const unasked = new Set(claims.filter((claim) => claim.isUnasked).map(pairText));
  const all = new Set(claims.map(pairText));
  return claims.filter((claim) => {
    const reverse = claim.told + claim.claimed;
    return all.has(reverse) && (unasked.has(reverse) || unasked.has(pairText(claim)));
  });
}

function pairText({ claimed, told }: Claim): string {
  return claimed + told;
}

/** Unasked claims of addresses that the same MAC asks for: its owner would not have to. */
function selfAskedClaims(claims: readonly Claim[]): Claim[] {
  const asked = new Set(claims.filter((claim) => !claim.isUnasked).map(({ told }) => told));
  return claims.filter((claim) => claim.isUnasked && asked.has(claim.claimed));
}

function twoWayFactors(pairs: readonly Claim[]): ScoreFactor[] {
  const value = new Set(pairs.map(pairText)).size;
  return [{ name: "two_way_claims", value, threshold: 2, weight: 0.8 + marginWeight(value, 2, 0.05, 0.15) }];
}

function contradictionFactors(claims: readonly Claim[], facts: readonly FactMember[]): ScoreFactor[] {
  const claimed = new Set(claims.map((claim) => claim.claimed));
  const others = new Set(
    facts.map(({ member }) => member.slice(1, 5)).filter((address) => !claimed.has(address)),
  );
  return [
    { name: "unasked_claims", value: claims.length, threshold: 1, weight: 0.25 },
    { name: "asks_for_what_it_claims", value: claimed.size, threshold: 1, weight: 0.35 },
    { name: "other_addresses", value: others.size, threshold: 1, weight: others.size > 0 ? 0.1 : 0 },
  ];
}

function partiesOf(claims: readonly Claim[]): string[] {
  const parties = new Set(claims.flatMap(({ claimed, told }) => [claimed, told]));
  parties.delete(noAddress);
  return [...parties].map(formatAddressKey);
}
