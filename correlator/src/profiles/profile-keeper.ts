import type { Leases } from "../incidents/leases.js";
import type { AddressKey } from "../windows/address-key.js";
import { partitionCount, dayMs, type HotWindow, type WindowStore } from "../windows/window-store.js";
import { hostActivity, hostPeers, hostServices } from "./host-facts.js";
import { foldDay } from "./host-profile.js";
import { profileBefore, type HostProfileStore, type StoredProfile } from "./host-profile-store.js";

/** Days of hosts folded at once. */
const chunkSize = 256;
/** The day that is not over is folded this often, milliseconds. */
const refreshEveryMs = 300_000;
/** From this time of the day on it is left to its close. */
const lastRefreshMs = dayMs - 900_000;

/** What a keeper works on. */
export interface KeeperPorts {
  readonly windows: WindowStore;
  readonly profiles: HostProfileStore;
  readonly leases: Leases;
}

/**
 * Keeps the profiles of hosts: folds each of their days when it closes, and the
 * open one every five minutes, so that what is shown is fresh. The day before
 * the last one folded stays beside it, so folding a day again gives the same.
 */
export class ProfileKeeper {
  private refreshDueMs = 0;

  constructor(private readonly ports: KeeperPorts) {}

  /** Folds the days of hosts among these windows, in order. */
  async keep(hot: readonly HotWindow[]): Promise<void> {
    const days = new Map<number, AddressKey[]>();
    for (const window of hot) {
      if (window.kind !== "facts" || window.facts.id !== hostActivity.id) continue;
      const hosts = days.get(window.slice);
      if (hosts === undefined) days.set(window.slice, [window.subject]);
      else hosts.push(window.subject);
    }
    for (const [day, hosts] of [...days].sort(([a], [b]) => a - b))
      for (let from = 0; from < hosts.length; from += chunkSize)
        await this.foldHosts(hosts.slice(from, from + chunkSize), day);
  }

  /** When it is due, folds the day that `untilMs` lies in, as far as it is known. */
  async refresh(untilMs: number): Promise<void> {
    if (!Number.isFinite(untilMs) || untilMs < this.refreshDueMs) return;
    this.refreshDueMs = untilMs + refreshEveryMs;
    if (untilMs <= 0 || untilMs % dayMs > lastRefreshMs) return;
    const lease = await this.ports.leases.acquire("profiles", refreshEveryMs / 2);
    if (lease !== undefined) await this.refreshDay(untilMs);
  }

  /** The lease is kept until it ends, so that another correlator does not do the same at once. */
  private async refreshDay(untilMs: number): Promise<void> {
    const dayEndMs = (Math.floor(untilMs / dayMs) + 1) * dayMs;
    for (let partition = 0; partition < partitionCount; partition++)
      await this.keep(await this.ports.windows.readHot(partition, dayEndMs - 1, dayEndMs));
  }

  private async foldHosts(hosts: readonly AddressKey[], day: number): Promise<void> {
    const known = await this.ports.profiles.read(hosts);
    const folded = new Map<AddressKey, StoredProfile>();
    for (const [index, host] of hosts.entries()) {
      const stored = known[index];
      if (stored !== undefined && stored.current.lastDay > day) continue;
      const previous = profileBefore(stored, day);
      folded.set(host, { previous, current: foldDay(previous, await this.readDay(host, day)) });
    }
    if (folded.size > 0) await this.ports.profiles.write(folded);
  }

  private async readDay(host: AddressKey, day: number): Promise<Parameters<typeof foldDay>[1]> {
    const { windows } = this.ports;
    const [[peers], [services], [activity]] = await Promise.all(
      [hostPeers, hostServices, hostActivity].map((kind) => windows.readFacts(kind, host, day, day)),
    );
    return { day, peers, services, activity };
  }
}

/** The keeper of these ports; undefined where no profiles are kept. */
export function profileKeeperOf(
  ports: Omit<KeeperPorts, "profiles"> & Partial<KeeperPorts>,
): ProfileKeeper | undefined {
  const { profiles } = ports;
  return profiles === undefined ? undefined : new ProfileKeeper({ ...ports, profiles });
}
