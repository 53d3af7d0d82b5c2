import { z } from "zod";
import { miningDomains } from "./mining-domains.js";

/**
 * Central settings, with default, minimum, maximum and a sentence for each
 * field. Field names are those of proto3 JSON of picket.v1.Policy.
 */
export const scanPolicySchema = z.strictObject({
  benignSuccessProbability: number(
    0.8,
    0.5,
    0.999,
    "Probability that a benign source's first contact succeeds.",
  ),
  scannerSuccessProbability: number(0.2, 0.001, 0.5, "Probability that a scanner's first contact succeeds."),
  detectionProbability: number(0.99, 0.5, 0.9999, "Share of scanners the sequential test should find."),
  falsePositiveProbability: number(1e-4, 1e-12, 0.1, "Share of benign sources the sequential test may flag."),
  crowdProbability: number(
    1e-8,
    1e-15,
    1e-3,
    "Tail probability below which a count of failing sources is a finding.",
  ),
  crowdSourcesMin: integer(5, 2, 1000, "Failing sources from which a distributed scan is at least medium."),
  portsPerTarget: integer(15, 3, 65_535, "Distinct failed ports on one target within 5 minutes."),
  hostsPerPort: integer(25, 3, 1_000_000, "Distinct failed hosts on one port within 5 minutes."),
  sourcesPerTarget: integer(
    15,
    3,
    1_000_000,
    "Distinct failing sources on one target, on as many ports, within 90 seconds.",
  ),
  sweepHostsMin: integer(
    15,
    5,
    1_000_000,
    "Distinct hosts that one source pings for the first time within a minute, answered or not.",
  ),
  severityMediumContacts: integer(25, 2, 1_000_000, "Failed contacts from which a scan is medium."),
  severityHighContacts: integer(100, 2, 10_000_000, "Failed contacts from which a scan is high."),
  campaignContactsMin: integer(
    50,
    10,
    1_000_000,
    "Contacts of one prefix's sources before their overlap is tested.",
  ),
  peerToPeerPorts: z
    .array(z.number().int().min(1).max(65_535))
    .max(1000)
    .default([4662, 4672, 6346, 6347, 6881, 6882, 6883, 6884, 6885, 6886, 6887, 6888, 6889, 8333, 30303])
    .describe(
      "Ports of peer-to-peer programs: failures there are fan_out and no scan, unless they are at most a quarter of the source's.",
    ),
});

export const burstPolicySchema = z.strictObject({
  zMin: number(6, 2, 100, "Standard deviations above a host's own baseline."),
  flowsMin: integer(100, 20, 10_000_000, "New flows of a host in 5 seconds below which nothing is a burst."),
  hostsMin: integer(3, 2, 100_000, "Hosts that burst together."),
  hostsShareMin: number(0.2, 0.01, 1, "Share of the sensors that burst together, when that is more."),
  synFloodPerSecondMin: number(
    100,
    10,
    1e9,
    "Unanswered SYN a second to one service below which there is no flood.",
  ),
  udpFloodFlowsPerSecondMin: number(
    500,
    20,
    1e9,
    "Unanswered UDP flows, or echo requests, a second to one host below which there is no flood.",
  ),
  udpFloodPacketsPerSecondMin: number(
    2000,
    100,
    1e9,
    "Unanswered UDP packets a second to one host below which long flows are no flood; four times as many of more than 700 bytes, which may be media.",
  ),
  icmpFloodPacketsPerSecondMin: number(
    500,
    100,
    1e9,
    "ICMP packets a second to one host below which long flows are no flood.",
  ),
  bytesPerMinuteMin: number(
    200_000_000,
    1_000_000,
    1e13,
    "Bytes that a host sends, or receives, in a minute below which its volume is no burst; the default is more than a video stream of 25 Mbit/s.",
  ),
});

export const amplificationPolicySchema = z.strictObject({
  sourcesMin: integer(
    50,
    5,
    1_000_000,
    "Reflectors that answer one host, which asked none of them, from one service port within two minutes.",
  ),
  reflectedBytesPerMinuteMin: integer(
    5_000_000,
    10_000,
    1e12,
    "Bytes a minute that an inside service answers one outside address, five times what was asked, below which it is not abused.",
  ),
  ports: ports([
    17, 19, 53, 69, 111, 123, 137, 161, 177, 389, 427, 500, 520, 623, 1434, 1900, 3283, 3389, 3702, 5060,
    5093, 5353, 5683, 8088, 10001, 10074, 11211, 27015, 30718, 32414, 33848, 37810, 47808,
  ]).describe("UDP service ports that reflect: their answers are larger than what was asked."),
});

export const bruteForcePolicySchema = z.strictObject({
  attemptsMin: integer(
    30,
    5,
    1_000_000,
    "Short, alike connections of one source to one login service within 20 minutes; minutes with a failed login in a day.",
  ),
  hostsMin: integer(5, 2, 100_000, "Hosts that one source, or its /24, tries the same login service of."),
  ports: ports([
    21, 22, 23, 25, 110, 139, 143, 389, 445, 465, 587, 636, 993, 995, 1433, 1521, 2222, 2323, 3306, 3389,
    5432, 5900, 5901, 5985, 5986, 6379, 27017,
  ]).describe("TCP ports of services that ask for a password; SSH is known on any port."),
});

export const arpPolicySchema = z.strictObject({
  scanHostsMin: integer(
    25,
    8,
    1_000_000,
    "Silent addresses that one host asks for by ARP within a minute; twice as many within 10 minutes and four times as many within an hour count too.",
  ),
  gatewayAskersMin: integer(
    5,
    2,
    10_000,
    "Hosts that ask for an address within an hour from which it is a gateway or server, whose own questions are no scan.",
  ),
});

export const miningPolicySchema = z.strictObject({
  domains: z
    .array(z.string().min(3).max(253))
    .min(1)
    .max(1000)
    .default(miningDomains)
    .describe(
      "Domains of mining pools: names below them count, but for those of a web site (the domain itself, www, api and alike).",
    ),
  ports: ports([3333, 3334, 3335, 4444, 5555, 7777, 14433, 14444, 20535, 20580, 45560, 45700]).describe(
    "TCP ports that pools listen on: a long thin flow there adds to the confidence, a port alone is nothing.",
  ),
  thinFlowMinutes: integer(5, 1, 55, "Minutes from which a flow with little traffic is long and thin."),
});

export const beaconPolicySchema = z.strictObject({
  contactsMin: integer(20, 10, 1000, "Connections of one host to one outside service within two hours."),
  slowContactsMin: integer(
    10,
    6,
    100,
    "The same within a day, 5 minutes apart at least, where the service is no named web site.",
  ),
  jitterMax: number(
    0.35,
    0.05,
    0.5,
    "Deviation from the usual gap, as a share of it, that is still regular.",
  ),
  regularShareMin: number(0.75, 0.5, 1, "Share of the gaps that must be regular."),
  commonHosts: integer(
    5,
    2,
    10_000,
    "Hosts with the same habit from which it counts as software of the fleet.",
  ),
  proxyPorts: ports([1080, 3128, 8118, 9050]).describe(
    "TCP ports of proxies: connections to them count as connections to the outside.",
  ),
});

export const portsPolicySchema = z.strictObject({
  suspicious: ports([
    23, 1337, 2323, 4444, 5554, 6660, 6661, 6662, 6663, 6664, 6665, 6666, 6667, 6668, 6669, 6881, 6882, 6883,
    6884, 6885, 6886, 6887, 6888, 6889, 9996, 12345, 16660, 20034, 27374, 27665, 31337, 54321, 65000,
  ]).describe(
    "TCP and UDP ports where an answered contact is worth a note: telnet, IRC, BitTorrent, backdoors.",
  ),
});

export const profilePolicySchema = z.strictObject({
  daysMin: integer(3, 1, 30, "Days of a host that must be known before anything is new for it."),
  newPeersMin: integer(
    20,
    5,
    10_000,
    "Inside hosts, not its usual peers, that answer a host over TCP on one day; four times its usual number besides.",
  ),
  newServiceClientsMin: integer(
    3,
    2,
    16,
    "Groups of clients, of sixteen, that use a service on the day it is new for its host.",
  ),
});

export const incidentPolicySchema = z.strictObject({
  confidenceMin: number(0.5, 0, 1, "Confidence below which nothing alerts."),
  backgroundContactsMax: integer(
    25,
    2,
    1_000_000,
    "Failed contacts from which a scan from outside is an incident of its own rather than a part of the day's background.",
  ),
  backgroundSourcesMin: integer(
    3,
    1,
    1000,
    "Small scanning sources from outside in a day from which they are rolled up as its background.",
  ),
  sessionGapHours: integer(24, 1, 168, "Quiet hours after which the same finding opens a new incident."),
  allowedLatenessSeconds: integer(
    60,
    1,
    3600,
    "How late a batch may be stored and still count before its slice closes.",
  ),
});

export const sensorPolicySchema = z.strictObject({
  activeTimeoutMs: integer(60_000, 1000, 3_600_000, "A flow that goes on is reported at least this often."),
  idleTimeoutMs: integer(30_000, 1000, 3_600_000, "A flow without packets for this long ends."),
  holdTimeoutMs: integer(1500, 100, 60_000, "A first contact without an answer for this long is ignored."),
  filter: z.string().max(4096).default("").describe("libpcap filter expression; empty captures everything."),
  snapLengthBytes: integer(384, 64, 65_535, "Bytes captured of each packet."),
  hostNames: z
    .boolean()
    .default(true)
    .describe("Keep the host names that flows ask for (DNS) or name (TLS server name)."),
  hostNamesPerSecond: integer(
    1000,
    1,
    100_000,
    "Most host names a sensor keeps a second; the rest are counted.",
  ),
});

export const policySchema = z.strictObject({
  homeNetworks: z
    .array(z.string().max(64))
    .max(1024)
    .default([])
    .describe(
      "CIDR blocks that are inside, with the sensors' own addresses and nothing else; empty: private, link-local and unique-local addresses and the networks that the sensors are on.",
    ),
  scan: scanPolicySchema.prefault({}),
  burst: burstPolicySchema.prefault({}),
  arp: arpPolicySchema.prefault({}),
  mining: miningPolicySchema.prefault({}),
  beacon: beaconPolicySchema.prefault({}),
  ports: portsPolicySchema.prefault({}),
  amplification: amplificationPolicySchema.prefault({}),
  bruteForce: bruteForcePolicySchema.prefault({}),
  profile: profilePolicySchema.prefault({}),
  incident: incidentPolicySchema.prefault({}),
  sensor: sensorPolicySchema.prefault({}),
});

export type Policy = z.infer<typeof policySchema>;

/** A policy as stored: the settings with their revision. */
export interface PolicyRevision {
  /** 0 is the built-in default, never stored. */
  readonly revision: number;
  /** Changes with every revision; opaque. */
  readonly etag: string;
  readonly updateMs: number;
  readonly author: string;
  readonly comment: string;
  readonly policy: Policy;
}

export const defaultPolicy: Policy = policySchema.parse({});

export const defaultPolicyRevision: PolicyRevision = {
  revision: 0,
  etag: "0",
  updateMs: 0,
  author: "",
  comment: "built-in defaults",
  policy: defaultPolicy,
};

function ports(fallback: number[]) {
  return z.array(z.number().int().min(1).max(65_535)).min(1).max(1000).default(fallback);
}

function number(fallback: number, min: number, max: number, about: string) {
  return z.number().min(min).max(max).default(fallback).describe(about);
}

function integer(fallback: number, min: number, max: number, about: string) {
  return z.number().int().min(min).max(max).default(fallback).describe(about);
}
