import { describe, expect, it } from "vitest";
import { addressKeyOfText } from "../windows/address-text.js";
import { portKey } from "../windows/contact-key.js";
import type { FactKind, FactWindow } from "../windows/fact-window.js";
import { hostActivity, hostPeers, hostServices } from "./host-facts.js";
import { foldDay, type HostDay, type HostProfile } from "./host-profile.js";
import { profileBefore } from "./host-profile-store.js";
import { formatStoredProfile, parseStoredProfile } from "./host-profile-text.js";

const web = portKey(443, 6);
const shell = portKey(22, 6);

interface DayFacts {
  readonly peers?: readonly string[];
  readonly services?: readonly string[];
  readonly activity?: readonly (readonly [member: string, value: number, sensor: number])[];
  readonly refused?: number;
}

function hostDay(day: number, { peers = [], services = [], activity = [], refused = 0 }: DayFacts): HostDay {
  const window = (kind: FactKind, members: readonly (readonly [string, number, number])[]): FactWindow => ({
    kind,
    subject: "\n\0\0\x07",
    slice: day,
    members: members.map(([member, value, sensor]) => ({
      member,
      value,
      firstMs: 0,
      lastMs: 0,
      sensors: [sensor],
    })),
    refused: kind === hostPeers ? refused : 0,
  });
  return {
    day,
    peers: window(
      hostPeers,
      peers.map((peer) => [addressKeyOfText(peer) ?? "", 443, 1]),
    ),
    services: window(
      hostServices,
      services.map((service) => [service, 0, 1]),
    ),
    activity: window(hostActivity, activity),
  };
}

function fold(days: readonly (readonly [day: number, facts: DayFacts])[]): HostProfile {
  let profile: HostProfile | undefined;
  for (const [day, facts] of days) profile = foldDay(profile, hostDay(day, facts));
  if (profile === undefined) throw new Error("there must be a day");
  return profile;
}

describe("a host's profile", () => {
  it("is of one day what that day was", () => {
    const profile = fold([
      [
        20_000,
        {
          peers: ["10.0.0.8", "10.0.0.9"],
          refused: 3,
          services: [`${web}\x01`, `${web}\x05`, `${shell}\x01`],
          activity: [
            ["h\x09", 0, 1],
            [`u${web}`, 0, 1],
            ["s-a", 2, 1],
            ["s-b", 1, 1],
            ["s-c", 2, 2],
            ["r-a", 4, 2],
          ],
        },
      ],
    ]);
    expect(profile).toMatchObject({ firstDay: 20_000, lastDay: 20_000, days: 1, weight: 1, peersPerDay: 5 });
    expect(profile.services).toEqual([
      { service: shell, clients: 1, share: 1, lastDay: 20_000 },
      { service: web, clients: 2, share: 1, lastDay: 20_000 },
    ]);
    expect(profile.uses).toEqual([{ service: web, clients: 0, share: 1, lastDay: 20_000 }]);
    expect(profile.hours.map((share, hour) => (share > 0 ? hour : -1)).filter((hour) => hour >= 0)).toEqual([
      9,
    ]);
    // Two sensors saw 3 and 2 pieces sent: the greater sum.
    expect(profile.sentBytesPerDay).toBe(3 * 2 ** 24);
    expect(profile.receivedBytesPerDay).toBe(4 * 2 ** 24);
  });

  it("weighs a day 0.9 of the next one, and days without traffic only by their age", () => {
    const three = fold([
      [1, { peers: ["10.0.0.8"] }],
      [2, {}],
      [4, { peers: ["10.0.0.8", "10.0.0.9"] }],
    ]);
    const weight = (1 * 0.9 + 1) * 0.81 + 1;
    expect(three.weight).toBeCloseTo(weight, 2);
    expect(three.peersPerDay).toBeCloseTo((1 * 0.9 * 0.81 + 2) / weight, 2);
    expect(three.peers.map(({ share }) => share)).toEqual([
      expect.closeTo((0.9 * 0.81 + 1) / weight, 2),
      expect.closeTo(1 / weight, 2),
    ]);
    expect(three.days).toBe(3);
  });

  it("forgets what was seen once, four weeks ago, and not before", () => {
    const once: [number, DayFacts] = [0, { services: [`${web}\x01`] }];
    const after = (days: number): number =>
      fold([once, ...Array.from({ length: days }, (_, k): [number, DayFacts] => [k + 1, {}])]).services
        .length;
    expect(after(26)).toBe(1);
    expect(after(30)).toBe(0);
  });

  it("keeps the most usual things, and stays small", () => {
    const profile = fold(
      Array.from({ length: 60 }, (_, day): [number, DayFacts] => [
        day,
        {
          peers: Array.from({ length: 200 }, (_unused, k) => `10.1.${day}.${k}`).concat("10.0.0.9"),
          services: Array.from({ length: 200 }, (_unused, k) => `${portKey(1000 + day * 200 + k, 6)}\x01`),
          activity: Array.from({ length: 24 }, (_unused, hour) => [`h${String.fromCharCode(hour)}`, 0, 1]),
        },
      ]),
    );
    expect(profile.peers).toHaveLength(32);
    expect(profile.peers[0].address).toBe(addressKeyOfText("10.0.0.9"));
    expect(profile.services).toHaveLength(16);
    expect(formatStoredProfile({ current: profile }).length).toBeLessThan(2400);
  });

  it("is read as it was written, and a host of few habits takes a few hundred bytes", () => {
    const first = fold([[20_000, { peers: ["10.0.0.8", "2001:db8::8"], services: [`${web}\x01`] }]]);
    const current = foldDay(first, hostDay(20_001, { activity: [[`u${shell}`, 0, 1]] }));
    const text = formatStoredProfile({ current, previous: first });
    expect(parseStoredProfile(text)).toEqual({ current, previous: first });
    expect(text.length).toBeLessThan(600);
    expect(parseStoredProfile(text.replace("[1,", "[0,"))).toBeUndefined();
  });

  it("is that of the days before when the last one is asked about", () => {
    const previous = fold([[5, {}]]);
    const current = foldDay(previous, hostDay(7, {}));
    expect(profileBefore({ current, previous }, 8)).toBe(current);
    expect(profileBefore({ current, previous }, 7)).toBe(previous);
    expect(profileBefore({ current, previous }, 5)).toBeUndefined();
    expect(profileBefore(undefined, 5)).toBeUndefined();
  });
});
