import { ArpOperation } from "@picket/proto/batch/flow-columns.js";
import type { ArpRow } from "../flows/flow-row.js";
import type { Finding, ScoreFactor } from "../incidents/incident.js";
import { formatAddressKey, type AddressKey } from "../windows/address-key.js";
import type { AddFact, FactMember, FactWindow } from "../windows/fact-window.js";
import { areOneCard, formatMac, isUnasked, isVirtualMac, noAddress } from "./arp-claims.js";
import type { FactDetector, FactEvaluation } from "./fact-detector.js";
import { factFinding } from "./fact-finding.js";
import { confidenceOf } from "./finding-builder.js";
import { mergeFacts, sortFacts } from "./merge-facts.js";

/** A holder that is heard this much later is still there: clocks of sensors may differ by as much. */
const clockSlackMs = 2000;
const confidenceMin = 0.5;

/** How a MAC claims an address: in its own questions, in answers, by announcing it, or by telling someone unasked. */
const way = { asks: "o", answers: "s", announces: "a", tells: "t" } as const;

/** What one MAC said of itself as the address in question. */
interface Holder {
  readonly mac: string;
  firstMs: number;
  lastMs: number;
  readonly ways: Set<string>;
  readonly told: Set<AddressKey>;
  readonly sensors: Set<number>;
  readonly facts: FactMember[];
}

/**
 * ARP spoofing by who claims one address, compared over all sensors
 * (T1557.002): a MAC takes over an address whose holder is still there, or
 * takes it by telling one host and nobody else. A new MAC that asks, probes or
 * announces like everybody, after the old one fell silent, is a new card, a
 * lease given anew or a failover. Both announced: a pair of routers. Answers
 * only: a proxy. Neighbouring vendor MACs: a bond.
 *
 * Cost: a member for each address, MAC and way of claiming in 10 minutes;
 * traffic other than ARP costs nothing.
 */
export const arpSpoof: FactDetector = {
  kinds: ["arp_spoof"],
  facts: {
    id: 3,
    name: "arp_holders",
    sliceMs: 600_000,
    slicesBefore: 5,
    hotMembersMin: 2,
    membersMax: 512,
  },

  observeArp(arp: ArpRow, add: AddFact): void {
    if (arp.columns.operation[arp.row] === ArpOperation.probe) return;
    const address = arp.sender();
    if (address === noAddress) return;
    const member = memberOf(arp);
    add(arpSpoof.facts, address, member, arp.endMs);
    const { sliceMs } = arpSpoof.facts;
    const isOneSlice = Math.floor(arp.timeMs / sliceMs) === Math.floor(arp.endMs / sliceMs);
    if (arp.timeMs < arp.endMs && isOneSlice) add(arpSpoof.facts, address, member, arp.timeMs);
  },

  detect(windows: readonly FactWindow[], evaluation: FactEvaluation): Finding | undefined {
    const last = windows[windows.length - 1];
    const takeover = mostCertain(holdersOf(sortFacts(mergeFacts(windows).values())));
    if (takeover === undefined) return undefined;
    const { taker, holder, factors } = takeover;
    const mac = formatMac(taker.mac);
    const isTold = taker.ways.has(way.tells);
    const members = [...holder.facts, ...taker.facts];
    return factFinding(
      {
        kind: "arp_spoof",
        primaryKey: mac,
        severity: severityOf(isTold, isStillThere(holder, taker)),
        factors,
        sources: [mac],
        targets: [last.subject, ...taker.told].filter((key) => key !== noAddress).map(formatAddressKey),
        ports: [],
        contactCount: members.length,
        members,
      },
      last,
      evaluation,
    );
  },
};

interface Takeover {
  readonly taker: Holder;
  readonly holder: Holder;
  readonly factors: readonly ScoreFactor[];
}

function memberOf(arp: ArpRow): string {
  const mac = arp.senderMac();
  if (isUnasked(arp)) return mac + way.tells + arp.target();
  const operation = arp.columns.operation[arp.row];
  if (operation === ArpOperation.announcement) return mac + way.announces;
  return mac + (operation === ArpOperation.request ? way.asks : way.answers);
}

/** In order of their first claim. */
function holdersOf(facts: readonly FactMember[]): Holder[] {
  const holders = new Map<string, Holder>();
  for (const fact of facts) {
    const mac = fact.member.slice(0, 6);
    let holder = holders.get(mac);
    if (holder === undefined) holders.set(mac, (holder = newHolder(mac, fact)));
    holder.firstMs = Math.min(holder.firstMs, fact.firstMs);
    holder.lastMs = Math.max(holder.lastMs, fact.lastMs);
    holder.ways.add(fact.member[6]);
    if (fact.member[6] === way.tells) holder.told.add(fact.member.slice(7));
    for (const sensor of fact.sensors) holder.sensors.add(sensor);
    holder.facts.push(fact);
  }
  return [...holders.values()];
}

function newHolder(mac: string, { firstMs, lastMs }: FactMember): Holder {
  return { mac, firstMs, lastMs, ways: new Set(), told: new Set(), sensors: new Set(), facts: [] };
}

/** The pair of MACs with the most to say for a takeover, at least the least confidence. */
function mostCertain(holders: readonly Holder[]): Takeover | undefined {
  let best: Takeover | undefined;
  let most = confidenceMin;
  holders.forEach((taker, index) => {
    if (!mayTakeOver(taker)) return;
    for (const holder of holders.slice(0, index)) {
      if (areOneCard(holder.mac, taker.mac)) continue;
      const factors = takeoverFactors(holder, taker);
      const confidence = confidenceOf(factors);
      if (confidence < most || (best !== undefined && confidence === most)) continue;
      [best, most] = [{ taker, holder, factors }, confidence];
    }
  });
  return best;
}

/** Virtual MACs move on purpose; who only answers may do so for others. */
function mayTakeOver({ mac, ways }: Holder): boolean {
  return !isVirtualMac(mac) && [...ways].some((known) => known !== way.answers);
}

function takeoverFactors(holder: Holder, taker: Holder): ScoreFactor[] {
  const factors: ScoreFactor[] = [];
  const addFactor = (name: string, value: number, weight: number): number =>
    factors.push({ name, value, threshold: 1, weight });
  const isTold = taker.ways.has(way.tells);
  const isOnlyTold = isTold && taker.ways.size === 1;
  if (isTold) addFactor("told_unasked", taker.told.size, 0.3);
  if (isOnlyTold) addFactor("told_unasked_only", taker.told.size, 0.25);
  if (isOnlyTold || (areTogether(holder, taker) && !areBothAnnounced(holder, taker))) {
    if (isStillThere(holder, taker)) addFactor("previous_holder_active", 1, 0.3);
    if (isStillThere(holder, taker) && isContested(holder, taker)) addFactor("both_active", 1, 0.3);
  }
  return factors;
}

/** Two sites may use the same private address; one sensor that hears both is in one place. */
function areTogether(a: Holder, b: Holder): boolean {
  return [...a.sensors].some((sensor) => b.sensors.has(sensor));
}

function areBothAnnounced(a: Holder, b: Holder): boolean {
  return a.ways.has(way.announces) && b.ways.has(way.announces);
}

function isStillThere(holder: Holder, taker: Holder): boolean {
  return holder.lastMs > taker.firstMs + clockSlackMs;
}

/** Both go on using the address rather than one giving way. */
function isContested(holder: Holder, taker: Holder): boolean {
  return taker.lastMs > taker.firstMs + clockSlackMs && holder.lastMs > holder.firstMs + clockSlackMs;
}

function severityOf(isTold: boolean, isHolderThere: boolean): "low" | "medium" | "high" {
  if (!isTold) return "low";
  return isHolderThere ? "high" : "medium";
}
