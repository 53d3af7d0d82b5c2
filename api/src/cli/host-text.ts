import type { HostProfile, HostProfile_ServiceHabit } from "@picket/proto/generated/picket/v1/host.js";
import { bold, formatNumber } from "./display.js";
import { formatTable } from "./text-table.js";
import type { Timestamp } from "@picket/proto/generated/google/protobuf/timestamp.js";

const bytesPerGib = 2 ** 30;
/** An hour is usual that it was active in on so many of its days. */
const usualShare = 0.5;

/** What is usual for a host, as a page for a person. */
export function formatHostProfile(profile: HostProfile, hasColours: boolean): string {
  const section = (title: string, body: string): string =>
    body === "" ? "" : `\n${bold(title, hasColours)}\n${body}`;
  const days = `${profile.days} ${profile.days === 1 ? "day" : "days"}`;
  return [
    `${profile.address}, known for ${days} from ${dayOf(profile.firstTime)} to ${dayOf(profile.lastTime, -1)}\n`,
    `sends ${formatVolume(profile.sentBytesPerDay)} a day, receives ${formatVolume(profile.receivedBytesPerDay)}\n`,
    `${formatNumber(profile.peersPerDay)} inside peers a day\n`,
    `active ${formatHours(profile.hourShares)}\n`,
    section("Serves", formatServices(profile.services, true)),
    section("Uses", formatServices(profile.usedServices, false)),
    section("Inside peers", formatPeers(profile)),
  ].join("");
}

function formatServices(services: readonly HostProfile_ServiceHabit[], isServed: boolean): string {
  if (services.length === 0) return "";
  const rows = services.map(({ port, dayShare, lastTime, clientsMin }) => [
    port,
    formatShare(dayShare),
    dayOf(lastTime, -1),
    ...(isServed ? [clientsMin >= 16 ? "16 or more" : `at least ${clientsMin}`] : []),
  ]);
  return formatTable(["PORT", "DAYS", "LAST", ...(isServed ? ["CLIENTS"] : [])], rows);
}

function formatPeers({ peers }: HostProfile): string {
  if (peers.length === 0) return "";
  const rows = peers.map(({ address, dayShare, lastTime }) => [
    address,
    formatShare(dayShare),
    dayOf(lastTime, -1),
  ]);
  return formatTable(["ADDRESS", "DAYS", "LAST"], rows);
}

/** "85 %" of its days. */
function formatShare(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function formatVolume(bytes: bigint): string {
  return `${(Number(bytes) / bytesPerGib).toFixed(2)} GiB`;
}

/** "8 to 18 h UTC", "0 to 2, 22 to 24 h UTC": the hours in which it is active on most days. */
function formatHours(shares: readonly number[]): string {
  const runs: string[] = [];
  for (let hour = 0; hour < shares.length; hour++) {
    if (shares[hour] < usualShare) continue;
    const from = hour;
    while (hour + 1 < shares.length && shares[hour + 1] >= usualShare) hour++;
    runs.push(`${from} to ${hour + 1}`);
  }
  if (runs.length === 0) return "at no hour on most of its days";
  return runs.length === 1 && runs[0] === "0 to 24" ? "at every hour" : `${runs.join(", ")} h UTC`;
}

/** "2025-10-09" of a time, or of a day before or after. */
function dayOf(timestamp: Timestamp | undefined, days = 0): string {
  if (timestamp === undefined) return "-";
  return new Date((Number(timestamp.seconds) + days * 86_400) * 1000).toISOString().slice(0, 10);
}
