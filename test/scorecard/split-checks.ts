import { join } from "node:path";
import type { Incident } from "@picket/correlator/incidents/incident.js";
import { capturesFolder } from "../captures/captures-folder.js";
import { expectedRuns } from "../captures/expected.js";
import type { ExpectedRun } from "../captures/expected-run.js";
import { differenceOf } from "../captures/verdict.js";
import { incidentsOfFiles, incidentsText, withFolder } from "./analysis.js";
import type { Check, Measured } from "./check.js";
import { framesOf, writeFrames, type CapturedFrame } from "./contact-capture.js";

const sensors = 8;
/** A scan that takes more probes than this is not found. */
const probesMax = 256;
const factorMax = 1.5;
const contactsExactMax = 1024;
const sweepKinds: readonly string[] = ["horizontal_scan", "host_sweep", "arp_scan"];

/**
 * Each scan of one known source in the captures folder, seen by one sensor and by eight. A sweep is split by
 * the host that is touched; a scan of one host by what is touched there, as if its link were a bundle of eight.
 */
export const splitChecks: readonly Check[] = expectedRuns
  .filter(({ files, miss }) => miss === undefined && /^(scan|arp)\//.test(files[0]))
  .filter(({ required }) => scannerOf(required[0]?.sources?.[0]) !== undefined)
  .map((run) => ({
    name: `\`${run.files[0]}\``,
    bar: `the same one incident, at most ${factorMax} times the probes`,
    measure: () => withFolder((folder) => measureSplit(run, folder)),
    needsCaptures: true,
  }));

async function measureSplit(run: ExpectedRun, folder: string): Promise<Measured> {
  const scanner = run.required[0].sources?.[0] ?? "";
  const isSweep = run.required[0].kinds.some((kind) => sweepKinds.includes(kind));
  const frames = await framesOf(join(capturesFolder, run.files[0]), scannerOf(scanner) ?? 0);
  const sensorOf = ({ host, contact }: CapturedFrame): number =>
    mixed(isSweep || contact === undefined ? host : contact) % sensors;
  const probesOf = (count: number, of: (frame: CapturedFrame) => number): Promise<number> =>
    fewestProbes(async (probes) => {
      const kept = frames.filter(({ contact }) => contact === undefined || contact < probes);
      return (await incidentsOfParts(kept, count, of, folder)).some(({ sources }) =>
        sources.includes(scanner),
      );
    });
  const whole = await probesOf(1, () => 0);
  const split = await probesOf(sensors, sensorOf);
  const incidents = await incidentsOfParts(frames, sensors, sensorOf, folder);
  const alone = await incidentsOfParts(frames, 1, () => 0, folder);
  const { absent, unexpected } = differenceOf(incidents, run);
  const isSame = incidents.map(terms).join() === alone.map(terms).join();
  const seen = incidents.find(({ sources }) => sources.includes(scanner))?.evidence.length ?? 0;
  return {
    figure: `${split} probes with ${sensors} sensors, ${whole} with one; ${incidentsText(incidents)} with evidence of ${seen} sensors`,
    isKept:
      isSame &&
      absent.length + unexpected.length === 0 &&
      whole <= probesMax &&
      split <= whole * factorMax &&
      seen > 1,
  };
}

/** What may not change with the number of sensors; above what a source keeps of contacts, the rest are estimates. */
function terms({ id, kind, severity, sources, ports, firstSeenMs, ...counted }: Incident): string {
  const { targets, contactCount, lastSeenMs } = counted;
  const exact = contactCount <= contactsExactMax ? { targets, contactCount, lastSeenMs } : {};
  return JSON.stringify({ id, kind, severity, sources, ports, firstSeenMs, ...exact });
}

async function incidentsOfParts(
  frames: readonly CapturedFrame[],
  count: number,
  sensorOf: (frame: CapturedFrame) => number,
  folder: string,
): Promise<readonly Incident[]> {
  const parts: CapturedFrame[][] = Array.from({ length: count }, () => []);
  for (const frame of frames) parts[sensorOf(frame)].push(frame);
  const inputs = parts.flatMap((part, index) => {
    if (part.length === 0) return [];
    const input = { sensor: `host-${index + 1}`, path: join(folder, `host-${index + 1}.pcap`) };
    writeFrames(input.path, part);
    return [input];
  });
  return incidentsOfFiles(inputs);
}

/** The smallest number of probes with which a scan is found; more than the most when it is not. */
async function fewestProbes(isFound: (probes: number) => Promise<boolean>): Promise<number> {
  let low = 0;
  let high = 8;
  for (; high <= probesMax && !(await isFound(high)); high *= 2) low = high;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (await isFound(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** The last 32 bits of an address; undefined for what is no IPv4 address. */
function scannerOf(address: string | undefined): number | undefined {
  if (address === undefined || !/^\d+(\.\d+){3}$/.test(address)) return undefined;
  return address.split(".").reduce((word, part) => (word << 8) | Number(part), 0);
}

/** A number that neighbours do not share. */
function mixed(value: number): number {
  return Math.imul(value + 1, 0x9e37_79b1) >>> 16;
}
