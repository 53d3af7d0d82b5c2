import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { scenarioStartMs, type ScenarioFlow } from "../engine/flow-scenario.js";
import { benignMix } from "../engine/scenarios.js";
import { incidentsOf } from "./golden-run.js";

/** One packet of each IP protocol to a host, of each port with TCP. */
function tries(protocols: readonly number[], ports: readonly number[] = [0]): ScenarioFlow[] {
  return protocols.flatMap((protocol, index) =>
    ports.map((port) => ({
      source: "10.9.1.66",
      destination: "10.9.0.12",
      port,
      sourcePort: port === 0 ? 0 : 40_000,
      protocol,
      timeMs: scenarioStartMs + 65_000 + index * 1200 + port,
      outcome: Outcome.ignored,
    })),
  );
}

const others = Array.from({ length: 250 }, (_, protocol) => protocol).filter(
  (protocol) => ![1, 6, 17, 58, 132].includes(protocol),
);

describe("a scan of one host's IP protocols", () => {
  it("is one incident", async () => {
    expect(await incidentsOf([...tries(others), ...benignMix()])).toMatchObject([
      {
        kind: "vertical_scan",
        technique: "T1046",
        severity: "high",
        confirmation: "confirmed",
        sources: ["10.9.1.66"],
        targets: ["10.9.0.12"],
      },
    ]);
  });

  it("and of its ports is still one", async () => {
    const ports = Array.from({ length: 60 }, (_, port) => port + 1);
    const incidents = await incidentsOf([...tries(others), ...tries([6], ports), ...benignMix()]);
    expect(incidents.map(({ kind, sources }) => [kind, sources])).toEqual([["vertical_scan", ["10.9.1.66"]]]);
  });

  it("is not what two routers say to each other", async () => {
    expect(await incidentsOf([...tries([4, 41, 47, 50, 51, 89, 103]), ...benignMix()])).toEqual([]);
  });
});
