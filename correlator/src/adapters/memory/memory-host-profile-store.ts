import type { HostProfileStore, StoredProfile } from "../../profiles/host-profile-store.js";
import type { AddressKey } from "../../windows/address-key.js";

/** Hosts remembered; beyond it the one that was written longest ago is forgotten. */
const hostsMax = 100_000;

/** Profiles in this process's memory. */
export class MemoryHostProfileStore implements HostProfileStore {
  private readonly profiles = new Map<AddressKey, StoredProfile>();

  read(addresses: readonly AddressKey[]): Promise<(StoredProfile | undefined)[]> {
    return Promise.resolve(addresses.map((address) => this.profiles.get(address)));
  }

  write(profiles: ReadonlyMap<AddressKey, StoredProfile>): Promise<void> {
    for (const [address, profile] of profiles) {
      this.profiles.delete(address);
      this.profiles.set(address, profile);
      const oldest = this.profiles.keys().next().value;
      if (this.profiles.size > hostsMax && oldest !== undefined) this.profiles.delete(oldest);
    }
    return Promise.resolve();
  }
}
