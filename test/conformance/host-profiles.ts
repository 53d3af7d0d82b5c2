import { MemoryHostProfileStore } from "@picket/correlator/adapters/memory/memory-host-profile-store.js";
import { MemoryLeases } from "@picket/correlator/adapters/memory/memory-leases.js";
import { MemoryWindowStore } from "@picket/correlator/adapters/memory/memory-window-store.js";
import { hostActivity, hostPeers, hostServices } from "@picket/correlator/profiles/host-facts.js";
import type { HostProfileStore } from "@picket/correlator/profiles/host-profile-store.js";
import { ProfileKeeper } from "@picket/correlator/profiles/profile-keeper.js";
import { addressKeyOfText } from "@picket/correlator/windows/address-text.js";
import { portKey } from "@picket/correlator/windows/contact-key.js";
import type { FactKind } from "@picket/correlator/windows/fact-window.js";
import { dayMs, type HotWindow } from "@picket/correlator/windows/window-store.js";
import { describe, expect, it } from "vitest";

const host = addressKeyOfText("10.0.0.7") ?? "";
const other = addressKeyOfText("2001:db8::7") ?? "";
const stranger = addressKeyOfText("10.0.0.8") ?? "";

/** A day on which the host served one more port than the day before. */
async function live(windows: MemoryWindowStore, day: number, ports: readonly number[]): Promise<HotWindow[]> {
  const fact = (kind: FactKind, subject: string, member: string) => ({
    kind,
    subject,
    member,
    timeMs: day * dayMs + 9 * 3_600_000,
    value: 0,
    sensor: 1,
  });
  return windows.merge({
    failed: [],
    answered: [],
    starts: [],
    facts: [host, other].flatMap((subject) => [
      fact(hostActivity, subject, "h\x09"),
      fact(hostPeers, subject, stranger),
      ...ports.map((port) => fact(hostServices, subject, `${portKey(port, 6)}\x01`)),
    ]),
  });
}

/** What every store of profiles does, with the keeper that writes to it. */
export function hostProfilesConformance(name: string, open: () => Promise<HostProfileStore>): void {
  describe(`${name} host profiles`, () => {
    const start = async () => {
      const profiles = await open();
      const windows = new MemoryWindowStore();
      const keeper = new ProfileKeeper({ windows, profiles, leases: new MemoryLeases() });
      return { profiles, windows, keeper };
    };

    it("are those of the hosts that were asked for", async () => {
      const { profiles, windows, keeper } = await start();
      await keeper.keep(await live(windows, 20_000, [443]));
      const [first, none, second] = await profiles.read([host, stranger, other]);
      expect(none).toBeUndefined();
      expect(first).toEqual(second);
      expect(first?.previous).toBeUndefined();
      expect(first?.current).toMatchObject({ firstDay: 20_000, lastDay: 20_000, days: 1, peersPerDay: 1 });
    });

    it("are the same when a day is folded again, and again with more of it", async () => {
      const { profiles, windows, keeper } = await start();
      await keeper.keep(await live(windows, 20_000, [443]));
      const hot = await live(windows, 20_001, [443]);
      await keeper.keep(hot);
      const [once] = await profiles.read([host]);
      await keeper.keep(hot);
      expect((await profiles.read([host]))[0]).toEqual(once);
      await live(windows, 20_001, [22]);
      await keeper.keep(hot);
      const [more] = await profiles.read([host]);
      expect(more?.current.days).toBe(2);
      expect(more?.current.services).toHaveLength(2);
      expect(more?.previous).toEqual(once?.previous);
    });

    it("are folded in the order of the days, however they are named", async () => {
      const { profiles, windows, keeper } = await start();
      const days = [await live(windows, 20_000, [443]), await live(windows, 20_002, [22])];
      await keeper.keep(days.reverse().flat());
      const [stored] = await profiles.read([host]);
      expect(stored?.current).toMatchObject({ firstDay: 20_000, lastDay: 20_002, days: 2 });
      await keeper.keep(days[1]);
      expect((await profiles.read([host]))[0]).toEqual(stored);
    });

    it("tell of the day that is not over, every five minutes", async () => {
      const { profiles, windows, keeper } = await start();
      const noonMs = 20_000.5 * dayMs;
      await live(windows, 20_000, [443]);
      await keeper.refresh(noonMs);
      expect((await profiles.read([host]))[0]?.current.services).toHaveLength(1);
      await live(windows, 20_000, [22]);
      await keeper.refresh(noonMs + 299_000);
      expect((await profiles.read([host]))[0]?.current.services).toHaveLength(1);
      const next = new ProfileKeeper({ windows, profiles, leases: new MemoryLeases() });
      await next.refresh(noonMs + 300_000);
      expect((await profiles.read([host]))[0]?.current.services).toHaveLength(2);
    });

    it("are left to the close of the day in its last minutes, and in an analysis", async () => {
      const { profiles, windows, keeper } = await start();
      await live(windows, 20_000, [443]);
      await keeper.refresh(20_001 * dayMs - 60_000);
      await keeper.refresh(Infinity);
      expect(await profiles.read([host])).toEqual([undefined]);
    });
  });
}

/** A store in memory. */
export function memoryProfiles(): Promise<HostProfileStore> {
  return Promise.resolve(new MemoryHostProfileStore());
}
