import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { scenarioStartMs, type ScenarioFlow } from "../engine/flow-scenario.js";
import { benignMix } from "../engine/scenarios.js";
import { incidentsOf } from "./golden-run.js";

const victim = "10.9.0.16";

/** Answers that nobody asked for. */
function answers(reflectors: number, sourcePort: number, bytes: number): ScenarioFlow[] {
  return Array.from({ length: reflectors }, (_, index) => ({
    source: `198.18.${index >> 8}.${index & 255}`,
    destination: victim,
    port: 20_000 + (index % 40_000),
    sourcePort,
    protocol: 17,
    timeMs: scenarioStartMs + 62_000 + index * 3,
    outcome: index % 4 === 0 ? Outcome.unreachable : Outcome.ignored,
    forwardPackets: 3,
    forwardBytes: 3 * bytes,
  }));
}

describe("amplification", () => {
  it("is one incident at the target, and its reflectors are no scanners", async () => {
    expect(await incidentsOf([...answers(3000, 123, 468), ...benignMix()])).toMatchObject([
      {
        kind: "amplification",
        severity: "high",
        technique: "T1498.002",
        sourceCount: 3000,
        targets: [victim],
        ports: ["udp/123"],
      },
    ]);
  });

  it("is one incident where an inside service is abused for it", async () => {
    const questions = Array.from({ length: 2000 }, (_, index): ScenarioFlow => ({
      source: "203.0.113.200",
      destination: "10.9.0.53",
      port: 53,
      sourcePort: 1024 + index,
      protocol: 17,
      timeMs: scenarioStartMs + 61_000 + index * 20,
      outcome: Outcome.answered,
      forwardBytes: 64,
      reversePackets: 3,
      reverseBytes: 4000,
    }));
    const incidents = await incidentsOf([...questions, ...benignMix()]);
    expect(incidents).toMatchObject([
      { kind: "amplification", severity: "medium", sources: ["10.9.0.53"], targets: ["203.0.113.200"] },
    ]);
  });

  it("is not a view of a resolver that misses its questions", async () => {
    expect(await incidentsOf([...answers(200, 53, 160), ...benignMix()])).toEqual([]);
  });
});
