import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { defaultPolicy } from "../policy/policy.js";
import type { HostProfile } from "../profiles/host-profile.js";
import { addressKeyOfText } from "../windows/address-text.js";
import { newPeers } from "./new-peers.js";
import { permuted, runDetector, runStartMs, type RunFlow } from "./testing/fact-run.js";

const host = "10.0.0.7";
const limit = defaultPolicy.profile.newPeersMin;

function usualPeers(count: number, details: Partial<HostProfile> = {}): HostProfile {
  return {
    firstDay: 20_000,
    lastDay: 20_009,
    days: 10,
    weight: 6,
    peersPerDay: count,
    sentBytesPerDay: 0,
    receivedBytesPerDay: 0,
    hours: Array.from({ length: 24 }, () => 0),
    services: [],
    uses: [],
    peers: Array.from({ length: Math.min(32, count) }, (_, k) => ({
      address: addressKeyOfText(`10.0.1.${k}`) ?? "",
      share: 1,
      lastDay: 20_009,
    })),
    ...details,
  };
}

function contacts(count: number, details: Partial<RunFlow> = {}, from = 0): RunFlow[] {
  return Array.from({ length: count }, (_, k) => ({
    source: host,
    destination: `10.0.${2 + Math.floor((from + k) / 200)}.${(from + k) % 200}`,
    port: 445,
    timeMs: runStartMs + k * 60_000,
    ...details,
  }));
}

describe("peers that are new for a host", () => {
  it.each([
    [limit - 1, 0],
    [limit, 1],
    [limit + 1, 1],
  ])("%i of them: %i findings", async (count, findings) => {
    expect(await runDetector(newPeers, contacts(count), { profile: usualPeers(3) })).toHaveLength(findings);
  });

  it("are named, low where the host is known for a week", async () => {
    const [finding] = await runDetector(newPeers, contacts(limit), { profile: usualPeers(3) });
    expect(finding).toMatchObject({
      kind: "fan_out",
      primaryKey: host,
      severity: "low",
      sources: [host],
      targetCount: limit,
      contactCount: limit,
      ports: ["tcp/445"],
    });
    expect(finding.samples[0]).toMatchObject({ port: 445, protocol: 6, outcome: Outcome.answered });
    const [early] = await runDetector(newPeers, contacts(limit), { profile: usualPeers(3, { days: 6 }) });
    expect(early.severity).toBe("info");
  });

  it("must be four times the usual number", async () => {
    const found = (peersPerDay: number): Promise<unknown[]> =>
      runDetector(newPeers, contacts(40), { profile: usualPeers(0, { peersPerDay }) });
    expect(await found(10)).toHaveLength(1);
    expect(await found(10.1)).toEqual([]);
  });

  it("are counted beyond what is kept of them", async () => {
    const [finding] = await runDetector(newPeers, contacts(400), { profile: usualPeers(3) });
    expect(finding).toMatchObject({ contactCount: 400, targetCount: 400, severity: "low" });
  });

  it.each([
    ["a host that nothing is known of", contacts(limit), undefined],
    ["a host that is known for two days", contacts(limit), usualPeers(3, { days: 2 })],
    ["a server whose usual peers call back", contacts(32, {}).map(usual), usualPeers(32, { peersPerDay: 5 })],
    ["peers outside", contacts(limit).map(outside), usualPeers(3)],
    ["peers that did not answer", contacts(limit, { outcome: Outcome.ignored }), usualPeers(3)],
    ["calls and games over UDP", contacts(limit, { protocol: 17 }), usualPeers(3)],
    ["one peer at many ports", contacts(limit).map(onePeer), usualPeers(3)],
    ["a visitor from outside", contacts(limit, { source: "203.0.113.9" }), usualPeers(3)],
    ["as many over two days", contacts(limit).map(everyOtherDay), usualPeers(3)],
  ])("says nothing of %s", async (_, flows, profile) => {
    expect(await runDetector(newPeers, flows, { profile })).toEqual([]);
  });

  it("are the same in any order, twice and from two sensors", async () => {
    const flows = contacts(60);
    const once = await runDetector(newPeers, flows, { profile: usualPeers(3) });
    const again = await runDetector(newPeers, permuted([...flows, ...flows]), {
      profile: usualPeers(3),
      sensorsOf: () => [1, 2],
    });
    const place = (found: typeof once): object[] =>
      found.map((finding) => ({ ...finding, evidence: [], samples: [] }));
    expect(place(again)).toEqual(place(once));
    expect(again[0].evidence.map(({ sensor }) => sensor)).toEqual([1, 2]);
  });
});

function usual(flow: RunFlow, k: number): RunFlow {
  return { ...flow, destination: `10.0.1.${k}` };
}

function outside(flow: RunFlow, k: number): RunFlow {
  return { ...flow, destination: `203.0.113.${k}` };
}

function onePeer(flow: RunFlow, k: number): RunFlow {
  return { ...flow, destination: "10.0.0.9", port: 1000 + k };
}

function everyOtherDay(flow: RunFlow, k: number): RunFlow {
  return { ...flow, timeMs: runStartMs + (k % 2) * 86_400_000 + k };
}
