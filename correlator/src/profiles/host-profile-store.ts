import type { AddressKey } from "../windows/address-key.js";
import type { HostProfile } from "./host-profile.js";

/** A host's profile as of its last day, and without that day, which may not be over. */
export interface StoredProfile {
  readonly current: HostProfile;
  /** Absent when the host has one day. */
  readonly previous?: HostProfile;
}

/** Where profiles are kept. A write replaces; profiles that are not written for 30 days are gone. */
export interface HostProfileStore {
  /** One for each address. Throws PicketError SERVER_UNREACHABLE when the store is away. */
  read(addresses: readonly AddressKey[]): Promise<(StoredProfile | undefined)[]>;
  /** Resolves when it is done; throws as `read`. */
  write(profiles: ReadonlyMap<AddressKey, StoredProfile>): Promise<void>;
}

/** What was usual before a UTC day. */
export function profileBefore(stored: StoredProfile | undefined, day: number): HostProfile | undefined {
  if (stored === undefined) return undefined;
  return [stored.current, stored.previous].find((profile) => profile !== undefined && profile.lastDay < day);
}
