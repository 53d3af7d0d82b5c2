import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { HomeNetworks } from "../flows/home-networks.js";
import type { Finding } from "../incidents/incident.js";
import { defaultPolicyRevision } from "../policy/policy.js";
import { MemoryHostProfileStore } from "../adapters/memory/memory-host-profile-store.js";
import type { HostProfile } from "../profiles/host-profile.js";
import type { HostProfileStore } from "../profiles/host-profile-store.js";
import { portKey } from "../windows/contact-key.js";
import { MemoryWindowStore } from "../adapters/memory/memory-window-store.js";
import {
  contactSliceMs,
  crowdBit,
  dayMs,
  type ContactObservation,
  type Observations,
} from "../windows/window-store.js";
import { Evaluator } from "./evaluator.js";

const today = 20_001;
const slice = (today * dayMs) / contactSliceMs + 60;
const nowMs = slice * contactSliceMs;
const inside = "\n\0\0\x05";
const outside = "\xcb\0\x71\x05";
const home = new HomeNetworks([], ["10.0.0.5", "10.0.0.6"]);

const address = (last: number): string => `\n\0\0${String.fromCharCode(last)}`;

/** A SYN that nothing answers, to a free address. */
function contact(last: number, some: Partial<ContactObservation> = {}): ContactObservation {
  return {
    source: inside,
    destination: address(last),
    protocol: 6,
    port: 445,
    timeMs: nowMs + last,
    outcome: Outcome.ignored,
    stealth: 0,
    sensor: 1,
    crowds: crowdBit.port,
    traits: 0,
    fingerprint: 0,
    ...some,
  };
}

const answer = (last: number, some: Partial<ContactObservation> = {}): ContactObservation =>
  contact(last, { source: address(6), port: 443, outcome: Outcome.answered, timeMs: nowMs - dayMs, ...some });

/** Contacts with as many free addresses, from .100 on. */
const free = (count: number, some?: Partial<ContactObservation>): ContactObservation[] =>
  Array.from({ length: count }, (_, index) => contact(100 + index, some));

/** As many ports of a host that answers at others. */
const ports = (count: number, first: number, some?: Partial<ContactObservation>): ContactObservation[] =>
  Array.from({ length: count }, (_, index) => contact(7, { source: outside, port: first + index, ...some }));

async function profilesOf(host: string, some: Partial<HostProfile>): Promise<HostProfileStore> {
  const profiles = new MemoryHostProfileStore();
  const current: HostProfile = {
    firstDay: today - 9,
    lastDay: today - 3,
    days: 5,
    weight: 3,
    peersPerDay: 1,
    sentBytesPerDay: 0,
    receivedBytesPerDay: 0,
    hours: Array.from({ length: 24 }, () => 0),
    services: [],
    uses: [],
    peers: [],
    ...some,
  };
  await profiles.write(new Map([[host, { current }]]));
  return profiles;
}

async function findingOf(
  failed: readonly ContactObservation[],
  answered: readonly ContactObservation[] = [],
  of: {
    home?: HomeNetworks;
    batches?: (all: Observations) => Observations[];
    isOpen?: boolean;
    profiles?: HostProfileStore;
  } = {},
): Promise<Finding | undefined> {
  const windows = new MemoryWindowStore();
  const all = { failed, answered: [answer(7), ...answered], starts: [], facts: [] };
  for (const batch of of.batches?.(all) ?? [all]) await windows.merge(batch);
  const evaluator = new Evaluator(windows, of.home ?? home, of.profiles);
  evaluator.setPolicy(defaultPolicyRevision, of.home ?? home);
  return evaluator.evaluate({ kind: "source", source: failed[0].source, slice }, of.isOpen !== true);
}

describe("dark contacts", () => {
  it.each([
    ["four free addresses are not enough", free(4), false],
    ["five are", free(5), true],
    ["six with four of them that count as any", [...free(4), ...free(2, { port: 80 })], false],
    ["one address at six ports is one", ports(6, 1000, { source: inside, destination: address(99) }), false],
    ["a repeated contact counts once", [...free(4), ...free(4, { timeMs: nowMs + 900 })], false],
    ["pings ask whether somebody is there", free(6, { protocol: 1, port: 0x800, crowds: 0 }), false],
    ["silence over UDP does not count", free(20, { protocol: 17 }), false],
    ["addresses of another network are not known", free(6, { destination: "\n\0\x01\x09" }), false],
    ["peer-to-peer ports say nothing", free(6, { port: 6881 }), false],
    ["from outside five free addresses", free(5, { source: outside }), true],
    ["from outside four free addresses", free(4, { source: outside }), false],
    ["from outside five ports that nobody serves", ports(5, 5000), true],
    ["from outside four ports that nobody serves", ports(4, 5000), false],
    [
      "from outside two ports and three addresses",
      [...ports(2, 5000), ...free(3, { source: outside })],
      true,
    ],
    ["from inside ports that nobody serves", ports(6, 5000, { source: inside }), false],
  ])("%s", async (_, failed, isFound) => {
    expect((await findingOf(failed)) !== undefined).toBe(isFound);
  });

  it.each([
    ["answered the day before", answer(100)],
    ["answered a moment ago", answer(100, { timeMs: nowMs })],
    ["started something", contact(7, { source: address(100), outcome: Outcome.answered })],
  ])("an address that %s is not free", async (_, sign) => {
    expect(await findingOf(free(5), [sign])).toBeUndefined();
    expect(await findingOf(free(6), [sign])).toBeDefined();
  });

  it("an address that refused somebody is not free", async () => {
    const refusal = contact(100, { source: outside, outcome: Outcome.refused });
    expect(await findingOf([...free(5), refusal])).toBeUndefined();
  });

  it("an address that answers after the slice was free in it", async () => {
    const later = answer(100, { timeMs: nowMs + contactSliceMs });
    expect(await findingOf(free(5), [later])).toBeDefined();
  });

  it("are not known while the slice is open: a sign of life may be on its way", async () => {
    expect(await findingOf(free(6), [], { isOpen: true })).toBeUndefined();
    const finding = await findingOf(free(7), [], { isOpen: true });
    expect(finding?.factors.map(({ name }) => name)).toEqual(["sequential_test"]);
  });

  it("an address whose host was there before is not free, though it is away for two days", async () => {
    const profiles = await profilesOf(address(100), { firstDay: today - 9, lastDay: today - 2 });
    expect(await findingOf(free(5), [], { profiles })).toBeUndefined();
    expect(await findingOf(free(6), [], { profiles })).toBeDefined();
    expect(await findingOf(free(5, { source: outside }), [], { profiles })).toBeDefined();
  });

  it("an address is free until its host has been there for two days, or is seen", async () => {
    const profiles = await profilesOf(address(100), { firstDay: today, lastDay: today });
    expect(await findingOf(free(5), [], { profiles })).toBeDefined();
  });

  it("a port that the host serves on other days is not dark", async () => {
    const services = [{ service: portKey(5000, 6), clients: 2, share: 0.5, lastDay: today - 3 }];
    const profiles = await profilesOf(address(7), { services });
    expect(await findingOf(ports(5, 5000), [], { profiles })).toBeUndefined();
    expect(await findingOf(ports(6, 5000), [], { profiles })).toBeDefined();
  });

  it("a port that one inside host serves is not dark at others", async () => {
    expect(await findingOf(ports(5, 5000), [answer(8, { port: 5000 })])).toBeUndefined();
    expect(await findingOf(ports(5, 5000), [answer(8, { port: 5000, crowds: 0 })])).toBeDefined();
  });

  it("are known once there is a day of the fleet, and sensors", async () => {
    const young = answer(7, { timeMs: nowMs - dayMs + contactSliceMs });
    const alone = (all: Observations): Observations[] => [{ ...all, answered: [young] }];
    expect(await findingOf(free(5), [], { batches: alone })).toBeUndefined();
    expect(await findingOf(free(5), [], { home: new HomeNetworks([]) })).toBeUndefined();
  });

  it("weigh less than the hosts that answer", async () => {
    const asked = { source: inside, timeMs: nowMs };
    const answered = [answer(20, asked), answer(21, asked)];
    expect(await findingOf(free(5), answered)).toBeUndefined();
  });

  it("say nothing of a peer-to-peer program", async () => {
    const peers = Array.from({ length: 10 }, (_, index) =>
      answer(20 + index, {
        source: inside,
        port: 20_000 + index,
        timeMs: nowMs - (index + 2) * contactSliceMs,
      }),
    );
    expect(await findingOf(free(6), peers)).toBeUndefined();
    expect(await findingOf(free(6), peers.slice(1))).toBeDefined();
  });

  it("are a factor of its own, in any order and however often they came", async () => {
    const failed = [...free(8), ...free(3, { port: 80 })];
    const finding = await findingOf(failed);
    expect(finding?.factors).toContainEqual({ name: "dark_contacts", value: 8, threshold: 5, weight: 0.1 });
    const alone = (all: Observations): Observations[] =>
      [...all.failed, ...all.failed].map((one) => ({ ...all, failed: [one] })).reverse();
    expect(await findingOf(failed, [], { batches: alone })).toEqual(finding);
  });
});
