import type { HomeNetworks } from "../flows/home-networks.js";
import type { Finding } from "../incidents/incident.js";
import { defaultPolicyRevision, type PolicyRevision } from "../policy/policy.js";
import type { HostProfile } from "../profiles/host-profile.js";
import { profileBefore, type HostProfileStore } from "../profiles/host-profile-store.js";
import type { AddressKey } from "../windows/address-key.js";
import { parseServiceKey } from "../windows/contact-key.js";
import type { SourceContacts } from "../windows/source-contacts.js";
import {
  contactSliceMs,
  dayMs,
  defaultWindowLimits,
  startSliceMs,
  type Contact,
  type CrowdKey,
  type CrowdWindow,
  type HotWindow,
  type SourceWindow,
  type StartDirection,
  type WindowStore,
} from "../windows/window-store.js";
import { detectCampaign } from "./campaign.js";
import type { CrowdMembers } from "./crowd-contacts.js";
import { CrowdGrowth } from "./crowd-growth.js";
import { darkCandidates, darkContacts, darkContactsMin } from "./dark-contacts.js";
import { factDetector } from "./fact-detectors.js";
import { detectDistributedScan } from "./distributed-scan.js";
import { burstContacts } from "./burst-contacts.js";
import { baselineSlices, detectHostBurst, isFailing, isKnownBefore, withContacts } from "./host-burst.js";
import { detectSourceScan, type Evaluation, type SiteEvaluation } from "./source-scan.js";
import { usualSilence } from "./usual-silence.js";

/** Sources of one prefix or one target below which nothing is found; other crowds need one more. */
const crowdSourcesMin = 3;

/**
 * Reads the merged windows and asks the detectors. A finding is a pure function
 * of the windows' sets as of the end of the slice, so evaluating twice, late or
 * on another correlator gives the same finding.
 */
export class Evaluator {
  private revision: PolicyRevision = defaultPolicyRevision;
  private readonly growth = new CrowdGrowth();
  private crowdSourcesRead = 0;

  constructor(
    private readonly windows: WindowStore,
    private home: HomeNetworks,
    private readonly profiles?: HostProfileStore,
  ) {}

  setPolicy(revision: PolicyRevision, home: HomeNetworks): void {
    this.revision = revision;
    this.home = home;
  }

  /** Sources of crowds that were read since the last call: what evaluation costs most. */
  takeCrowdSourcesRead(): number {
    const read = this.crowdSourcesRead;
    this.crowdSourcesRead = 0;
    return read;
  }

  /** @param confirmed the window's slice is closed. */
  async evaluate(window: HotWindow, confirmed: boolean): Promise<Finding | undefined> {
    if (window.kind === "source") return this.evaluateSource(window.source, this.at(window.slice, confirmed));
    if (window.kind === "crowd") return this.evaluateCrowd(window.key, this.at(window.key.slice, confirmed));
    if (window.kind === "facts") return this.evaluateFacts(window, this.at(window.slice, confirmed));
    return this.evaluateStarts(window, this.at(window.slice, confirmed));
  }

  /** Most hot slices stay below the floor: their baseline is not read. */
  private async evaluateStarts(
    { host, direction, slice }: Extract<HotWindow, { kind: "starts" }>,
    evaluation: Evaluation,
  ): Promise<Finding | undefined> {
    const [count] = await this.windows.readStarts(host, direction, slice, slice);
    if (count < evaluation.policy.burst.flowsMin) return undefined;
    const from = slice - baselineSlices;
    const counts = await this.windows.readStarts(host, direction, from, slice);
    const burst = detectHostBurst(host, direction, counts, evaluation);
    if (burst === undefined) return undefined;
    const sources = await this.readBurst(host, direction, slice);
    const contacts = burstContacts(host, direction, sources, slice);
    if (direction === "outbound" && !isFailing(burst, contacts)) {
      const asked = await this.windows.readStarts(host, "inbound", from, slice);
      if (!isKnownBefore(burst, [counts, asked], sources[0])) return undefined;
    }
    return withContacts(burst, contacts, direction);
  }

  /** Whose contacts tell what the burst was made of, with those of the day before: inbound, who failed. */
  private async readBurst(
    host: AddressKey,
    direction: StartDirection,
    slice: number,
  ): Promise<SourceWindow[]> {
    const day = Math.floor((slice * startSliceMs) / dayMs);
    const sources = direction === "outbound" ? [host] : await this.readFailing(host, slice);
    return this.windows.readSources(sources, day - 1, day);
  }

  /** Sources that failed at a host in the 10 minutes around a 5-second slice. */
  private async readFailing(host: AddressKey, slice: number): Promise<readonly AddressKey[]> {
    const contactSlice = Math.floor((slice * startSliceMs) / contactSliceMs);
    const [crowd] = await this.windows.readCrowds([{ kind: "target", subject: host, slice: contactSlice }]);
    return [...crowd.sources].sort();
  }

  private async evaluateFacts(
    { facts, subject, slice }: Extract<HotWindow, { kind: "facts" }>,
    evaluation: Evaluation,
  ): Promise<Finding | undefined> {
    const detector = factDetector(facts.id);
    if (detector === undefined) return undefined;
    const windows = await this.windows.readFacts(facts, subject, slice - facts.slicesBefore, slice);
    const needsProfile = detector.needsProfile?.(windows[windows.length - 1], evaluation.policy) === true;
    const profile = needsProfile ? await this.readProfile(subject, slice) : undefined;
    return detector.detect(windows, { ...this.onSite(evaluation), profile });
  }

  private async readProfile(host: AddressKey, day: number): Promise<HostProfile | undefined> {
    const [stored] = (await this.profiles?.read([host])) ?? [];
    return profileBefore(stored, day);
  }

  private at(slice: number, confirmed: boolean): Evaluation {
    return { slice, confirmed, policy: this.revision.policy, policyRevision: this.revision.revision };
  }

  private onSite(evaluation: Evaluation): SiteEvaluation {
    return { ...evaluation, isInside: (address) => this.home.isInsideKey(address) };
  }

  private async evaluateSource(source: AddressKey, evaluation: Evaluation): Promise<Finding | undefined> {
    const untilMs = (evaluation.slice + 1) * contactSliceMs;
    const [contacts] = await this.windows.readContacts([source], untilMs);
    const dark = evaluation.confirmed ? await this.readDark(contacts, untilMs) : undefined;
    return detectSourceScan(contacts, this.onSite(evaluation), dark);
  }

  /**
   * The source's dark contacts, where they may be enough to matter. Only of closed
   * slices: before, what shows that a host is alive may be on its way.
   */
  private async readDark(contacts: SourceContacts, untilMs: number): Promise<ReadonlySet<Contact>> {
    const candidates = darkCandidates(contacts, this.home);
    if (candidates.length < darkContactsMin) return new Set();
    const silences = await this.windows.readSilences(candidates, untilMs);
    const dark = darkContacts(contacts, candidates, silences, this.home);
    if (dark.size < darkContactsMin || this.profiles === undefined) return dark;
    const stored = await this.profiles.read(candidates.map(({ destination }) => destination));
    const usual = candidates.map((contact, index) =>
      usualSilence(contact, silences[index], stored[index], untilMs),
    );
    return darkContacts(contacts, candidates, usual, this.home);
  }

  private async evaluateCrowd(key: CrowdKey, evaluation: Evaluation): Promise<Finding | undefined> {
    const [current, previous] = await this.windows.readCrowds([key, { ...key, slice: key.slice - 1 }]);
    const addresses = [...new Set([...current.sources, ...previous.sources])].sort();
    if (addresses.length < this.sourcesMin(key)) return undefined;
    if (!evaluation.confirmed && this.growth.isSmall(key, current.count)) return undefined;
    const evenShare = Math.max(current.evenShare, previous.evenShare);
    const members = await this.readMembers(addresses, { ...current, evenShare });
    return key.kind === "prefix"
      ? detectCampaign(members, evaluation)
      : detectDistributedScan(members, evaluation);
  }

  /** Sources below which no detector of this kind of crowd fires. */
  private sourcesMin(key: CrowdKey): number {
    return key.kind === "prefix" || key.kind === "target" ? crowdSourcesMin : crowdSourcesMin + 1;
  }

  private async readMembers(
    addresses: readonly AddressKey[],
    { key, count, sources: listed, evenShare }: CrowdWindow,
  ): Promise<CrowdMembers> {
    const untilMs = (key.slice + 1) * contactSliceMs;
    const kept = addresses.slice(0, defaultWindowLimits.sourcesPerCrowdMax);
    this.crowdSourcesRead += kept.length;
    const [sources, history, known] = await Promise.all([
      this.windows.readContacts(kept, untilMs),
      this.windows.readCrowdHistory(key),
      key.kind === "service"
        ? this.windows.readServices([parseServiceKey(key.subject)], Math.floor((untilMs - 1) / dayMs))
        : [false],
    ]);
    return {
      key,
      sources,
      count,
      refused: count - listed.length,
      history,
      evenShare,
      isInside: (address) => this.home.isInsideKey(address),
      isKnownService: known[0],
    };
  }
}
