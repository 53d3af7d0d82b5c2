import { describe, expect, it } from "vitest";
import { defaultPolicy } from "../policy/policy.js";
import { reflectorAbuse } from "./reflector-abuse.js";
import { permuted, runDetector, runStartMs, type RunFlow } from "./testing/fact-run.js";

const limit = defaultPolicy.amplification.reflectedBytesPerMinuteMin;

/** Questions in one outside address' name, each from a port of its own. */
function questions(count: number, answeredBytes: number, details: Partial<RunFlow> = {}): RunFlow[] {
  return Array.from({ length: count }, (_, index) => ({
    source: "203.0.113.9",
    destination: "10.0.0.53",
    sourcePort: 1024 + index,
    port: 53,
    protocol: 17,
    timeMs: runStartMs + index * 40,
    forwardPackets: 1,
    forwardBytes: 64,
    reversePackets: 3,
    reverseBytes: answeredBytes,
    ...details,
  }));
}

describe("an inside service that is abused as a reflector", () => {
  it.each([
    [limit - 1000, 0],
    [limit, 1],
    [limit + 1000, 1],
  ])("with %i bytes a minute gives %i findings", async (bytes, findings) => {
    expect(await runDetector(reflectorAbuse, questions(1000, bytes / 1000))).toHaveLength(findings);
  });

  it("names the reflector and the victim", async () => {
    expect(await runDetector(reflectorAbuse, questions(1000, 30_000))).toMatchObject([
      {
        kind: "amplification",
        primaryKey: "10.0.0.53",
        severity: "medium",
        sources: ["10.0.0.53"],
        targets: ["203.0.113.9"],
        ports: ["udp/53"],
      },
    ]);
  });

  it("reads the addresses of IPv6", async () => {
    const flows = questions(1000, 30_000, { source: "2001:db8::9", destination: "fd00::53" });
    expect(await runDetector(reflectorAbuse, flows)).toMatchObject([
      { sources: ["fd00::53"], targets: ["2001:db8::/64"] },
    ]);
  });

  it("is the same in any order, twice and from two sensors", async () => {
    const flows = questions(1000, 9000);
    const [once] = await runDetector(reflectorAbuse, flows);
    const [again] = await runDetector(reflectorAbuse, permuted([...flows, ...flows]), {
      sensorsOf: () => [1, 2],
    });
    expect({ ...again, evidence: [] }).toEqual({ ...once, evidence: [] });
  });

  it("leaves many resolvers of a public name server, inside clients and even exchanges alone", async () => {
    const resolvers = questions(1000, 9000).map((flow, index) => ({
      ...flow,
      source: `203.0.113.${index % 250}`,
    }));
    const inside = questions(1000, 9000, { source: "10.0.0.7" });
    const even = questions(1000, 9000, { forwardBytes: 4000 });
    for (const flows of [resolvers, inside, even])
      expect(await runDetector(reflectorAbuse, flows)).toEqual([]);
  });
});
