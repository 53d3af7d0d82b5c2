import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import type { Finding } from "../incidents/incident.js";
import { defaultPolicy } from "../policy/policy.js";
import { fingerprintKey } from "../windows/contact-key.js";
import { contactSliceMs, type Contact } from "../windows/window-store.js";
import type { CrowdMembers } from "./crowd-contacts.js";
import { detectFingerprintCampaign } from "./fingerprint-campaign.js";

const slice = 3_000_000;
/** Host and port of a contact. */
type Pair = readonly [host: number, port: number];

function contactOf([host, port]: Pair, index: number): Contact {
  return {
    destination: `\n\0${String.fromCharCode(host >>> 8, host & 0xff)}`,
    protocol: 6,
    port,
    firstMs: slice * contactSliceMs + index,
    outcome: Outcome.ignored,
    stealth: 0,
    traits: 0,
    sensors: [1],
  };
}

function membersOf(jobs: readonly (readonly Pair[])[], some: Partial<CrowdMembers> = {}): CrowdMembers {
  return {
    key: { kind: "fingerprint", subject: fingerprintKey(0xfeedbeef), slice },
    sources: jobs.map((pairs, index) => ({
      source: `\xcb${String.fromCharCode(index >>> 8, index & 0xff)}\x07`,
      failed: pairs.map(contactOf),
      answered: [],
      answeredHosts: new Map(),
      refused: 0,
    })),
    count: jobs.length,
    refused: 0,
    history: new Map(),
    evenShare: 0,
    isInside: (address) => address.startsWith("\n"),
    isKnownService: false,
    ...some,
  };
}

function findingOf(members: CrowdMembers): Finding | undefined {
  return detectFingerprintCampaign(members, {
    slice,
    confirmed: true,
    policy: defaultPolicy,
    policyRevision: 1,
  });
}

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
/** A number below `below` that looks drawn. */
const drawn = (seed: number, below: number): number => (Math.imul(seed + 1, 0x9e3779b1) >>> 8) % below;
const sources = <T>(count: number, each: (source: number) => T): T[] => range(count).map(each);

const ports = range(40).map((index) => 1000 + index * 7);
const decoys = sources(10, () => ports.map((port): Pair => [1, port]));
const dividedGrid = sources(10, (source) =>
  range(72)
    .filter((cell) => (cell * 7) % 10 === source)
    .map((cell): Pair => [Math.floor(cell / 6), 100 + (cell % 6)]),
);

describe("a campaign of equal fingerprints", () => {
  it.each([
    ["ten addresses that scan one host by one list of ports, nine of them decoys", decoys],
    ["five, each its own host", sources(5, (host) => ports.map((port): Pair => [host, port]))],
    [
      "one list that a few could not finish",
      sources(6, (n) => ports.slice(n).map((port): Pair => [n, port])),
    ],
    ["ten that divide twelve hosts and six ports", dividedGrid],
  ])("is %s", (_, jobs) => {
    const finding = findingOf(membersOf(jobs));
    expect(finding).toMatchObject({
      kind: "campaign",
      view: "fingerprint",
      primaryKey: "fingerprint feedbeef",
      sourceCount: jobs.length,
      contactCount: jobs.flat().length,
    });
    expect(finding?.confidence).toBeGreaterThan(0.7);
  });

  it.each([
    ["four sources", decoys.slice(0, 4)],
    ["clients of a service that is down", sources(200, () => [[1, 443] as Pair])],
    ["clients of two of them", sources(200, () => [[1, 443] as Pair, [2, 8443] as Pair])],
    ["scanners with a port each", sources(8, (n) => range(20).map((host): Pair => [host, 100 + n]))],
    ["scanners with a host each", sources(8, (host) => range(12).map((n): Pair => [host, 9 * host + n]))],
    [
      "one worm at random hosts of a large fleet",
      sources(100, (n) => range(3).map((k): Pair => [drawn(n * 3 + k, 4000), k === 0 ? 2323 : 23])),
    ],
    [
      "scanners that draw from the same few hosts and ports",
      sources(12, (n) =>
        range(10).map((k): Pair => [drawn(n * 31 + k * 7, 12), 100 + drawn(n * 17 + k, 10)]),
      ),
    ],
    [
      "peers of a file that one host shared",
      sources(60, (n) => [[1, 51_413] as Pair, [2 + (n % 2), 6881] as Pair]),
    ],
  ])("is not %s", (_, jobs) => {
    expect(findingOf(membersOf(jobs))).toBeUndefined();
  });

  it("is not what the fingerprint's own history explains", () => {
    const history = new Map(range(300).map((past) => [slice - 1 - past, 9]));
    expect(findingOf(membersOf(decoys, { history }))).toBeUndefined();
    expect(findingOf(membersOf(decoys, { history: new Map([[slice - 200, 9]]) }))).toBeDefined();
  });

  it("leaves out sources that do something else, and what was long ago", () => {
    const others = sources(6, (n) => [[40 + n, 443] as Pair]);
    expect(findingOf(membersOf([...decoys, ...others]))?.sourceCount).toBe(10);
    const members = membersOf(decoys);
    const old = members.sources.map((source) => ({
      ...source,
      failed: source.failed.map((contact) => ({ ...contact, firstMs: contact.firstMs - 2 * contactSliceMs })),
    }));
    expect(findingOf({ ...members, sources: old })).toBeUndefined();
  });

  it("is the same in any order of the sources", () => {
    const members = membersOf(dividedGrid);
    expect(findingOf({ ...members, sources: [...members.sources].reverse() })).toEqual(findingOf(members));
  });
});
