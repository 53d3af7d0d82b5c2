import { join } from "node:path";
import { severities, type Incident } from "@picket/correlator/incidents/incident.js";
import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { pathsOf } from "../captures/analyze-run.js";
import { capturesFolder } from "../captures/captures-folder.js";
import { expectedRuns } from "../captures/expected.js";
import { scenarioStartMs, type ScenarioFlow } from "../engine/flow-scenario.js";
import { benignMix } from "../engine/scenarios.js";
import { incidentsOf } from "../golden/golden-run.js";
import { jointUpdate, jointUpload, nightlyBackup, ordinaryVolume } from "../golden/volume-scenes.js";
import { SeededRandom } from "../scenarios/seeded-random.js";
import { incidentsOfFiles, incidentsText, withFolder } from "./analysis.js";
import type { Check, Measured } from "./check.js";
import {
  backscatter,
  brokenIpv6Browser,
  decoyScanSources,
  insideDecoys,
  neighbourDecoys,
  racingBrowser,
  scatteredDecoys,
} from "./look-alike-captures.js";

const serverDay = "zeek-logs/rita_internet_server/*";
const spoofedFlood = "flood/pkt.TCP.synflood.spoofed.pcap";
const oneSided = /half-duplex|benign\/ocs/;
const mediumMax = 3;
const burstOffsets = 10;
const scanKinds = /_scan$|sweep|campaign|background/;

const decoyScans = {
  "from all over the Internet": scatteredDecoys,
  "of the scanner's network": neighbourDecoys,
  "inside hosts": insideDecoys,
};

interface Outage {
  /** What the clients get when the service is gone. */
  readonly outcome: Outcome;
  /** Of the clients, those that it served before. */
  readonly regulars: number;
}

const outages: Readonly<Record<string, Outage>> = {
  "refused, most come later": { outcome: Outcome.refused, regulars: 5 },
  "no answer, most come later": { outcome: Outcome.ignored, regulars: 5 },
  "refused, all were served before": { outcome: Outcome.refused, regulars: 40 },
  "no answer, all were served before": { outcome: Outcome.ignored, regulars: 40 },
};

const volumes: Readonly<Record<string, readonly ScenarioFlow[]>> = {
  "four hosts send 300 MB each to one place outside": jointUpload,
  "four hosts save 300 MB a minute each, for four minutes": nightlyBackup,
  "four hosts load the same update of 300 MB": jointUpdate,
};

/** Attacks by masses, and what only looks like an attack. */
export const massChecks: readonly Check[] = [
  ...Object.entries(decoyScans).map(([where, write]) => ({
    name: `a scan of 1,000 ports under ${decoyScanSources} addresses, nine of them decoys: ${where}`,
    bar: "one incident, no decoy verified",
    measure: () => ofCapture(write, isOneUnverified),
  })),
  {
    name: `\`${spoofedFlood}\`: 37,623 spoofed sources`,
    bar: "one `syn_flood`, no scan",
    needsCaptures: true,
    measure: () => ofFiles([spoofedFlood], isOneFlood),
  },
  {
    name: "traffic seen from one side only: three captures, and two of them together",
    bar: "nothing",
    needsCaptures: true,
    measure: measureOneSided,
  },
  {
    name: "backscatter: 20,000 answers that nobody here asked for",
    bar: "nothing",
    measure: () => ofCapture(backscatter, isNothing),
  },
  {
    name: "a browser that races two connections to each of 300 places",
    bar: "nothing",
    measure: () => ofCapture(racingBrowser, isNothing),
  },
  {
    name: "the same over IPv6 that leads nowhere, 100 places",
    bar: "nothing above low: no more than the `fan_out` that docs/detectors.md has for it",
    measure: () => ofCapture(brokenIpv6Browser, isLowFanOut),
  },
  {
    name: `\`${serverDay}\`: 24 h of a public server`,
    bar: `at most ${mediumMax} incidents of medium or above`,
    needsCaptures: true,
    measure: () => ofFiles([serverDay], hasFewMedium),
  },
  {
    name: `four hosts start 220 flows each in the same 4 s, begun at ${burstOffsets} moments of 5 s`,
    bar: "one `cross_host_burst` each",
    measure: measureBursts,
  },
  ...Object.entries(volumes).map(([what, flows]) => ({
    name: `after a quiet hour, ${what}`,
    bar: "one `cross_host_burst`, low",
    measure: async () => judged(await incidentsOf([...flows, ...benignMix()]), isOneLowBurst),
  })),
  {
    name: "one host loads 3 GB in a minute, and four are in calls of 5 Mbit/s each way",
    bar: "nothing",
    measure: async () => judged(await incidentsOf([...ordinaryVolume, ...benignMix()]), isNothing),
  },
  ...Object.entries(outages).map(([what, details]) => ({
    name: `a service is down for 30 minutes and 40 inside clients retry: ${what}`,
    bar: "one `service_outage`",
    measure: async () => judged(await incidentsOf([...outage(details), ...benignMix()]), isOneOutage),
  })),
];

type Judge = (incidents: readonly Incident[]) => boolean;

const isNothing: Judge = (incidents) => incidents.length === 0;
const isLowFanOut: Judge = (incidents) =>
  incidents.every(({ kind, severity }) => kind === "fan_out" && severity === "low");
const isOneUnverified: Judge = (incidents) => incidents.length === 1 && !incidents[0].sourceVerified;
const isOneFlood: Judge = (incidents) =>
  incidents.filter(({ kind }) => kind === "syn_flood").length === 1 &&
  !incidents.some(({ kind }) => scanKinds.test(kind));
const isOneLowBurst: Judge = (incidents) =>
  incidents.length === 1 && incidents[0].kind === "cross_host_burst" && incidents[0].severity === "low";
const isOneOutage: Judge = (incidents) => incidents.length === 1 && incidents[0].kind === "service_outage";
const hasFewMedium: Judge = (incidents) =>
  incidents.filter(({ severity }) => severities.indexOf(severity) >= severities.indexOf("medium")).length <=
  mediumMax;

function judged(incidents: readonly Incident[], judge: Judge): Measured {
  const verified = incidents.filter(({ sourceVerified }) => sourceVerified).length;
  const figure = `${incidentsText(incidents)}${verified === 0 ? "" : `; ${verified} verified`}`;
  return { figure, isKept: judge(incidents) };
}

function ofCapture(write: (path: string) => void, judge: Judge): Promise<Measured> {
  return withFolder(async (folder) => {
    const path = join(folder, "look-alike.pcap");
    write(path);
    return judged(await incidentsOfFiles([{ sensor: "only", path }]), judge);
  });
}

async function ofFiles(files: readonly string[], judge: Judge): Promise<Measured> {
  const paths = pathsOf({ files, says: "", required: [], allowed: [], innocent: [] });
  const inputs = paths.map((path, index) => ({
    sensor: `sensor-${index}`,
    path: join(capturesFolder, path),
  }));
  return judged(await incidentsOfFiles(inputs), judge);
}

async function measureOneSided(): Promise<Measured> {
  const runs = expectedRuns.filter(({ files }) => files.some((file) => oneSided.test(file)));
  const incidents: Incident[] = [];
  for (const { files } of runs) {
    const inputs = files.map((file, index) => ({ sensor: `end-${index}`, path: join(capturesFolder, file) }));
    incidents.push(...(await incidentsOfFiles(inputs)));
  }
  return { figure: `${runs.length} analyses: ${incidentsText(incidents)}`, isKept: incidents.length === 0 };
}

async function measureBursts(): Promise<Measured> {
  let found = 0;
  for (let offset = 0; offset < burstOffsets; offset++) {
    const incidents = await incidentsOf(jointStart((offset * 5000) / burstOffsets));
    if (incidents.length === 1 && incidents[0].kind === "cross_host_burst") found++;
  }
  return { figure: `${found} of ${burstOffsets} found`, isKept: found === burstOffsets };
}

/** Hosts that ask once a second for five minutes, and then in haste. */
function jointStart(offsetMs: number): ScenarioFlow[] {
  const random = new SeededRandom(13);
  const asked = { port: 443, outcome: Outcome.answered };
  return Array.from({ length: 4 }, (_, host) => {
    const source = `10.9.0.${10 + host}`;
    const usual = Array.from({ length: 300 }, (__, second): ScenarioFlow => ({
      ...asked,
      source,
      destination: "198.51.100.7",
      sourcePort: 33_000 + second,
      timeMs: scenarioStartMs + second * 1000 + random.below(1000),
    }));
    const burst = Array.from({ length: 220 }, (__, index): ScenarioFlow => ({
      ...asked,
      source,
      destination: "192.0.2.80",
      sourcePort: 40_000 + index,
      timeMs: scenarioStartMs + 300_000 + offsetMs + random.below(4000),
    }));
    return [...usual, ...burst];
  }).flat();
}

/** Forty inside clients ask a service every 20 s for half an hour and for as long after it is gone. */
function outage({ outcome, regulars }: Outage): ScenarioFlow[] {
  const random = new SeededRandom(11);
  const everyMs = 20_000;
  return Array.from({ length: 40 }, (_, client) =>
    Array.from({ length: 180 }, (__, round): ScenarioFlow => ({
      source: `10.9.4.${10 + client}`,
      destination: "10.9.0.5",
      port: 8443,
      sourcePort: 33_000 + round,
      timeMs: scenarioStartMs + round * everyMs + random.below(everyMs),
      outcome: round < 90 ? Outcome.answered : outcome,
    })).filter((__, round) => round >= 90 || client < regulars),
  ).flat();
}
