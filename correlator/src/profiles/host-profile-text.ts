import { formatAddressKey } from "../windows/address-key.js";
import { addressKeyOfText } from "../windows/address-text.js";
import { parsePortKey, portKey } from "../windows/contact-key.js";
import type { HostProfile, PeerHabit, ServiceHabit } from "./host-profile.js";
import type { StoredProfile } from "./host-profile-store.js";

/** Changes with the layout: a profile of another one counts as unknown. */
const layoutVersion = 1;

/** port, protocol, share, last day, clients. */
type ServiceRow = [number, number, number, number, number];
/** address, share, last day. */
type PeerRow = [string, number, number];
/** firstDay, lastDay, days, weight, peersPerDay, sentBytesPerDay, receivedBytesPerDay, hours, services, uses, peers. */
type ProfileRow = [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number[],
  ServiceRow[],
  ServiceRow[],
  PeerRow[],
];

/** A profile as stores keep it: JSON arrays of a few hundred bytes. */
export function formatStoredProfile({ current, previous }: StoredProfile): string {
  const rows = [current, ...(previous === undefined ? [] : [previous])].map(rowOf);
  return JSON.stringify([layoutVersion, ...rows]);
}

/** What `formatStoredProfile` wrote; undefined for another layout. */
export function parseStoredProfile(text: string): StoredProfile | undefined {
  const [version, ...rows] = JSON.parse(text) as [number, ...ProfileRow[]];
  if (version !== layoutVersion) return undefined;
  const [current, previous] = rows.map(profileOf);
  return { current, previous };
}

function rowOf(profile: HostProfile): ProfileRow {
  return [
    profile.firstDay,
    profile.lastDay,
    profile.days,
    profile.weight,
    profile.peersPerDay,
    profile.sentBytesPerDay,
    profile.receivedBytesPerDay,
    [...profile.hours],
    profile.services.map(serviceRow),
    profile.uses.map(serviceRow),
    profile.peers.map(({ address, share, lastDay }) => [formatAddressKey(address), share, lastDay]),
  ];
}

function serviceRow({ service, share, lastDay, clients }: ServiceHabit): ServiceRow {
  const { port, protocol } = parsePortKey(service);
  return [port, protocol, share, lastDay, clients];
}

function profileOf(row: ProfileRow): HostProfile {
  const [firstDay, lastDay, days, weight, peersPerDay, sentBytesPerDay, receivedBytesPerDay] = row;
  const [hours, services, uses, peers] = [row[7], row[8], row[9], row[10]];
  const counts = { firstDay, lastDay, days, weight, peersPerDay, sentBytesPerDay, receivedBytesPerDay };
  return {
    ...counts,
    hours,
    services: services.map(serviceOf),
    uses: uses.map(serviceOf),
    peers: peers.flatMap(peerOf),
  };
}

function serviceOf([port, protocol, share, lastDay, clients]: ServiceRow): ServiceHabit {
  return { service: portKey(port, protocol), share, lastDay, clients };
}

function peerOf([text, share, lastDay]: PeerRow): PeerHabit[] {
  const address = addressKeyOfText(text);
  return address === undefined ? [] : [{ address, share, lastDay }];
}
