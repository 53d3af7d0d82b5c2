import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { defaultPolicy } from "../policy/policy.js";
import { clientGroup } from "../profiles/host-facts.js";
import type { HostProfile } from "../profiles/host-profile.js";
import { addressKeyOfText } from "../windows/address-text.js";
import { portKey } from "../windows/contact-key.js";
import { newService } from "./new-service.js";
import { permuted, runDetector, runStartMs, type RunFlow } from "./testing/fact-run.js";

const host = "10.0.0.7";
const limit = defaultPolicy.profile.newServiceClientsMin;

/** One client of each group. */
const clients = [
  ...new Map(
    Array.from({ length: 200 }, (_, k) => `10.0.1.${k + 1}`).map((address): [number, string] => [
      clientGroup(addressKeyOfText(address) ?? ""),
      address,
    ]),
  ).values(),
];

function known(details: Partial<HostProfile> = {}): HostProfile {
  return {
    firstDay: 20_000,
    lastDay: 20_009,
    days: 10,
    weight: 6,
    peersPerDay: 1,
    sentBytesPerDay: 0,
    receivedBytesPerDay: 0,
    hours: Array.from({ length: 24 }, () => 0),
    services: [{ service: portKey(443, 6), clients: 9, share: 1, lastDay: 20_009 }],
    uses: [],
    peers: [],
    ...details,
  };
}

function served(count: number, port: number, details: Partial<RunFlow> = {}): RunFlow[] {
  return clients.slice(0, count).map((source, k) => ({
    source,
    destination: host,
    port,
    timeMs: runStartMs + k * 60_000,
    ...details,
  }));
}

describe("a service that is new for its host", () => {
  it.each([
    [limit - 1, 0],
    [limit, 1],
    [limit + 1, 1],
  ])("used by %i clients: %i findings", async (count, findings) => {
    expect(await runDetector(newService, served(count, 8080), { profile: known() })).toHaveLength(findings);
  });

  it("is named with its host, low where the host is known for a week and many use it", async () => {
    const flows = [...served(2 * limit, 8080), ...served(5, 443), ...served(2, 25)];
    expect(await runDetector(newService, flows, { profile: known() })).toMatchObject([
      {
        kind: "new_service",
        primaryKey: host,
        severity: "low",
        targets: [host],
        ports: ["tcp/8080"],
        contactCount: 2 * limit,
      },
    ]);
    const [early] = await runDetector(newService, flows, { profile: known({ days: 6 }) });
    expect(early.severity).toBe("info");
    const [few] = await runDetector(newService, served(2 * limit - 1, 8080), { profile: known() });
    expect(few.severity).toBe("info");
  });

  it.each([
    ["a host that nothing is known of", served(9, 8080), undefined],
    ["a host that is known for two days", served(9, 8080), known({ days: 2 })],
    ["a service it has served before", served(9, 443), known()],
    ["a port drawn at random", served(9, 32_768), known()],
    ["calls and games over UDP", served(9, 1024, { protocol: 17 }), known()],
    ["a port that is closed", served(9, 8080, { outcome: Outcome.refused }), known()],
    ["a service outside", served(9, 8080, { destination: "203.0.113.9" }), known()],
    ["one client that comes again and again", Array.from({ length: 50 }, again), known()],
  ])("says nothing of %s", async (_, flows, profile) => {
    expect(await runDetector(newService, flows, { profile })).toEqual([]);
  });

  it("over UDP is one below 1024", async () => {
    expect(
      await runDetector(newService, served(9, 1023, { protocol: 17 }), { profile: known() }),
    ).toHaveLength(1);
  });

  it("is the same in any order, twice and from two sensors", async () => {
    const flows = served(9, 8080);
    const once = await runDetector(newService, flows, { profile: known() });
    const twice = await runDetector(newService, permuted([...flows, ...flows]), {
      profile: known(),
      sensorsOf: () => [1, 2],
    });
    const place = (found: typeof once): object[] => found.map((finding) => ({ ...finding, evidence: [] }));
    expect(place(twice)).toEqual(place(once));
  });
});

function again(_: unknown, k: number): RunFlow {
  return { source: clients[0], destination: host, port: 8080, timeMs: runStartMs + k * 1000 };
}
