import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { expect, it } from "vitest";
import { scenarioStartMs, type ScenarioFlow } from "../engine/flow-scenario.js";
import { benignMix } from "../engine/scenarios.js";
import { incidentsOf } from "./golden-run.js";

const echo = 8 << 8;

function ping(destination: string, timeMs: number, outcome: Outcome): ScenarioFlow {
  return { source: "10.9.7.7", destination, port: echo, protocol: 1, timeMs, outcome };
}

it("finds one sweep of which most hosts answer, each seen by another sensor", async () => {
  const sweep = Array.from({ length: 40 }, (_, index) =>
    ping(
      `10.9.1.${1 + index}`,
      scenarioStartMs + 60_000 + index * 50,
      index % 3 === 0 ? Outcome.ignored : Outcome.answered,
    ),
  );
  const incidents = await incidentsOf([...sweep, ...benignMix()]);
  expect(incidents).toHaveLength(1);
  expect(incidents[0]).toMatchObject({
    kind: "host_sweep",
    severity: "medium",
    technique: "T1018",
    sources: ["10.9.7.7"],
    targetCount: 40,
  });
});

it("stays silent on a poller that pings the same hosts all the time", async () => {
  const rounds = Array.from({ length: 20 }, (_, round) =>
    Array.from({ length: 40 }, (_, index) =>
      ping(`10.9.1.${1 + index}`, scenarioStartMs + round * 60_000 + index * 50, Outcome.answered),
    ),
  );
  expect(await incidentsOf([...rounds.flat(), ...benignMix()])).toEqual([]);
});
