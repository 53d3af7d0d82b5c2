import { formatStoredProfile, parseStoredProfile } from "../../profiles/host-profile-text.js";
import type { HostProfileStore, StoredProfile } from "../../profiles/host-profile-store.js";
import { formatAddressKey, type AddressKey } from "../../windows/address-key.js";
import type { RedisConnection } from "./redis-connection.js";

/** A host that is not seen for this long is a stranger again, seconds. */
const timeToLiveSeconds = 30 * 86_400;

/** Profiles in Redis: one string a host, `picket:profile:{ADDRESS}`. */
export class RedisHostProfileStore implements HostProfileStore {
  constructor(private readonly redis: RedisConnection) {}

  async read(addresses: readonly AddressKey[]): Promise<(StoredProfile | undefined)[]> {
    const replies = await Promise.all(
      addresses.map((address) => this.redis.command(["GET", keyOf(address)])),
    );
    return replies.map((reply) => (reply === null ? undefined : parseStoredProfile(String(reply))));
  }

  async write(profiles: ReadonlyMap<AddressKey, StoredProfile>): Promise<void> {
    const seconds = String(timeToLiveSeconds);
    await Promise.all(
      [...profiles].map(([address, profile]) =>
        this.redis.command(["SET", keyOf(address), formatStoredProfile(profile), "EX", seconds]),
      ),
    );
  }
}

function keyOf(address: AddressKey): string {
  return `picket:profile:{${formatAddressKey(address)}}`;
}
