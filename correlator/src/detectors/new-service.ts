import { ipProtocol } from "../flows/ip-protocol.js";
import type { Finding, ScoreFactor } from "../incidents/incident.js";
import type { Policy } from "../policy/policy.js";
import {
  formatService,
  hostServices,
  observeService,
  servedOf,
  type ServedDay,
} from "../profiles/host-facts.js";
import type { HostProfile } from "../profiles/host-profile.js";
import { formatAddressKey } from "../windows/address-key.js";
import type { FactWindow } from "../windows/fact-window.js";
import type { FactDetector, FactEvaluation } from "./fact-detector.js";
import { factFinding } from "./fact-finding.js";
import { confidenceOf, marginWeight } from "./finding-builder.js";

/** From so many days on a profile says more. */
const knownDays = 7;
const confidenceLow = 0.5;

/**
 * A service that an inside host did not serve before, and that several clients
 * use on the day it appears: an info, or low where twice as many do and the host
 * is known for a week, so that what is rolled out to every host alerts nobody.
 * Ports that systems draw at random, and UDP above 1023, are no services.
 *
 * Cost: one fact of some 30 bytes for each service of a host, sixteenth of its
 * clients and day, so sixteen a service at most.
 */
export const newService: FactDetector = {
  kinds: ["new_service"],
  facts: hostServices,
  protocols: [ipProtocol.tcp, ipProtocol.udp],
  needsNewContact: true,
  observeFlow: observeService,
  needsProfile: (window, policy) => usedBySeveral(window, policy).length > 0,
  detect,
};

function usedBySeveral(window: FactWindow, policy: Policy): ServedDay[] {
  const { newServiceClientsMin } = policy.profile;
  if (window.members.length < newServiceClientsMin) return [];
  return servedOf(window).filter(({ clients }) => clients >= newServiceClientsMin);
}

function detect(windows: readonly FactWindow[], evaluation: FactEvaluation): Finding | undefined {
  const window = windows[windows.length - 1];
  const { profile, policy } = evaluation;
  if (profile === undefined || profile.days < policy.profile.daysMin) return undefined;
  const known = new Set(profile.services.map(({ service }) => service));
  const fresh = usedBySeveral(window, policy).filter(({ service }) => !known.has(service));
  if (fresh.length === 0) return undefined;
  const services = new Set(fresh.map(({ service }) => service));
  const members = window.members.filter(({ member }) => services.has(member.slice(0, 3)));
  const host = formatAddressKey(window.subject);
  const factors = factorsOf(fresh, profile, policy);
  return factFinding(
    {
      kind: "new_service",
      primaryKey: host,
      severity: confidenceOf(factors) >= confidenceLow ? "low" : "info",
      factors,
      sources: [],
      targets: [host],
      ports: [...services].map(formatService),
      contactCount: members.length,
      members,
    },
    window,
    evaluation,
  );
}

function factorsOf(fresh: readonly ServedDay[], profile: HostProfile, policy: Policy): ScoreFactor[] {
  const { daysMin, newServiceClientsMin } = policy.profile;
  const clients = Math.max(...fresh.map((service) => service.clients));
  return [
    { name: "new_services", value: fresh.length, threshold: 1, weight: 0.25 },
    {
      name: "client_groups",
      value: clients,
      threshold: newServiceClientsMin,
      weight: marginWeight(clients, newServiceClientsMin, 0.05, 0.1),
    },
    {
      name: "days_known",
      value: profile.days,
      threshold: daysMin,
      weight: profile.days >= knownDays ? 0.2 : 0.05,
    },
  ];
}
