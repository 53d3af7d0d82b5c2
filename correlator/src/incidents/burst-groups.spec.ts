import { describe, expect, it } from "vitest";
import type { Finding } from "./incident.js";
import { BurstGroups } from "./burst-groups.js";

const sliceMs = 5000;

function burst(
  direction: "inbound" | "outbound",
  host: string,
  peers: readonly string[],
  ports: readonly string[],
  slice = 0,
): Finding {
  const isOutbound = direction === "outbound";
  return {
    kind: "host_burst",
    view: "starts",
    primaryKey: `${direction} ${host}`,
    partition: 0,
    sliceStartMs: slice * sliceMs,
    sliceEndMs: (slice + 1) * sliceMs,
    confirmed: true,
    severity: "info",
    confidence: 0.4,
    factors: [],
    sources: isOutbound ? [host] : peers,
    targets: isOutbound ? peers : [host],
    ports,
    sourceCount: 1,
    targetCount: 1,
    portCount: ports.length,
    contactCount: 100,
    firstSeenMs: slice * sliceMs,
    lastSeenMs: (slice + 1) * sliceMs - 1,
    evidence: [{ sensor: 7, contactCount: 3, firstSeenMs: 0, lastSeenMs: 1 }],
    samples: [],
    refusedMembers: 0,
    sourceVerified: false,
    policyRevision: 1,
  };
}

describe("bursts of several hosts in the same seconds", () => {
  it("name the peer and the port that most of them share", () => {
    const [crossing] = new BurstGroups().add(
      [
        burst("outbound", "10.0.0.1", ["192.0.2.80", "192.0.2.1"], ["tcp/80"]),
        burst("outbound", "10.0.0.2", ["192.0.2.80"], ["tcp/80", "tcp/443"]),
        burst("outbound", "10.0.0.3", ["192.0.2.80"], ["tcp/80"]),
        burst("outbound", "10.0.0.4", [], []),
      ],
      3,
    );
    expect(crossing).toMatchObject({
      kind: "cross_host_burst",
      sources: ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"],
      targets: ["192.0.2.80"],
      ports: ["tcp/80"],
      sourceCount: 4,
      targetCount: 1,
    });
    expect(crossing.factors.find(({ name }) => name === "hosts_sharing_a_peer")?.value).toBe(3);
    expect(crossing.evidence).toHaveLength(4);
  });

  it("name none that only some share", () => {
    const [crossing] = new BurstGroups().add(
      ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map((host, k) =>
        burst("inbound", host, k < 2 ? ["203.0.113.9"] : [], [`tcp/${k}`]),
      ),
      3,
    );
    expect(crossing).toMatchObject({ targets: ["10.0.0.1", "10.0.0.2", "10.0.0.3"], sources: [], ports: [] });
    expect(crossing.factors.map(({ name }) => name)).toEqual(["hosts_bursting", "new_flows"]);
  });

  it("stay apart by peer, and from those that share none", () => {
    const hosts = (from: number): string[] => [0, 1, 2].map((k) => `10.0.0.${from + k}`);
    const found = new BurstGroups().add(
      [
        ...hosts(10).map((host) => burst("outbound", host, ["192.0.2.80"], ["tcp/80"])),
        ...hosts(20).map((host) => burst("outbound", host, ["192.0.2.1"], ["tcp/22"])),
        ...hosts(30).map((host) => burst("outbound", host, [`192.0.3.${host.at(-1)}`], ["tcp/25"])),
      ],
      3,
    );
    expect(found.map(({ primaryKey, sources, ports }) => [primaryKey, sources, ports])).toEqual([
      ["outbound 192.0.2.1", hosts(20), ["tcp/22"]],
      ["outbound 192.0.2.80", hosts(10), ["tcp/80"]],
      ["outbound", hosts(30), ["tcp/25"]],
    ]);
  });

  it("are told again only where a host of theirs bursts", () => {
    const groups = new BurstGroups();
    const at = (host: number, peer: string, slice: number): Finding =>
      burst("outbound", `10.0.0.${host}`, [peer], [], slice);
    groups.add(
      [1, 2, 3, 4, 5, 6].map((host) => at(host, host < 4 ? "192.0.2.1" : "192.0.2.2", 0)),
      3,
    );
    const found = groups.add([at(7, "192.0.2.2", 1)], 3);
    expect(found.map(({ primaryKey, sourceCount }) => [primaryKey, sourceCount])).toEqual([
      ["outbound 192.0.2.2", 4],
    ]);
  });

  it("stay apart by direction, whatever their peers are", () => {
    const groups = new BurstGroups();
    const found = groups.add(
      [
        burst("outbound", "10.0.0.1", ["192.0.2.80"], []),
        burst("outbound", "10.0.0.2", ["192.0.2.80"], []),
        burst("inbound", "10.0.0.3", ["192.0.2.80"], []),
      ],
      3,
    );
    expect(found).toEqual([]);
  });

  it("list the hosts in the order in which they began", () => {
    const groups = new BurstGroups();
    groups.add([burst("outbound", "10.0.0.9", [], [], 0)], 3);
    groups.add([burst("outbound", "10.0.0.5", [], [], 1)], 3);
    const [crossing] = groups.add([burst("outbound", "10.0.0.1", [], [], 2)], 3);
    expect(crossing.sources).toEqual(["10.0.0.9", "10.0.0.5", "10.0.0.1"]);
  });
});
