/** What an acknowledgement of a NATS server is worth when the power fails. */
export interface ServerDurability {
  /** One line for a log. */
  readonly about: string;
  /** What an operator should change; undefined when nothing. */
  readonly advice: string | undefined;
}

type Version = readonly [major: number, minor: number, patch: number];

/** From here on the disk is synced every two minutes, or as `sync_interval` says; before, every minute. */
const syncIntervalVersion: Version = [2, 10, 0];
/** CVE-2025-30215 lets an account administrate the streams of another. */
const accountFixVersions: readonly Version[] = [
  [2, 10, 27],
  [2, 11, 1],
];
const recommendedVersion: Version = [2, 12, 7];
const recommendation = "install nats-server 2.12.7 or later";

/**
 * How long a server of this version may keep what it acknowledged off its disk.
 * A killed server loses nothing; a machine that loses its power loses up to
 * that, which sensors send again: they keep what no correlator applied yet.
 */
export function durabilityOf(version: string): ServerDurability {
  const number = parse(version);
  const syncs = isBefore(number, syncIntervalVersion)
    ? "syncs its disk every 60 s, which cannot be changed before 2.10"
    : "syncs its disk every 2 min, or as jetstream.sync_interval says";
  const about = `nats-server ${version} ${syncs}: a power cut takes up to that, and sensors send it again`;
  return { about, advice: adviceFor(number) };
}

function adviceFor(version: Version): string | undefined {
  const fix = accountFixVersions.find(([major, minor]) => major === version[0] && minor === version[1]);
  const isVulnerable = fix === undefined ? isBefore(version, accountFixVersions[0]) : isBefore(version, fix);
  if (isVulnerable)
    return `${recommendation}: before 2.10.27 and 2.11.1 an account may change another one's streams (CVE-2025-30215)`;
  return isBefore(version, recommendedVersion) ? recommendation : undefined;
}

/** "2.10.27-RC.1" is [2, 10, 27]. */
function parse(version: string): Version {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map((part) => Number.parseInt(part, 10) || 0);
  return [major, minor, patch];
}

function isBefore(version: Version, other: Version): boolean {
  const at = version.findIndex((part, i) => part !== other[i]);
  return at >= 0 && version[at] < other[at];
}
