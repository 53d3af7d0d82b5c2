import { describe, expect, it } from "vitest";
import { scenarioStartMs, spreadFlows } from "./flow-scenario.js";
import { memoryPorts } from "./memory-ports.js";
import { mixedFlows } from "./mixed-flows.js";
import { confirmedTerms, runEngine } from "./run-engine.js";

const untilMs = scenarioStartMs + 3_600_000;

describe("confirmed incidents in memory", () => {
  for (const seed of [11, 12, 13, 14])
    it(`are the same however the flows are split (seed ${seed})`, async () => {
      const flows = mixedFlows(seed);
      const run = async (sensors: number, correlators: number, isDuplicated: boolean): Promise<unknown[]> => {
        const batches = spreadFlows(flows, { sensors, seed: seed * 31 + sensors, isDuplicated });
        const options = { correlators, seed: seed + correlators, isRedelivered: isDuplicated, untilMs };
        return confirmedTerms(await runEngine(memoryPorts(), batches, options));
      };
      const expected = await run(1, 1, false);
      expect(expected.length).toBeGreaterThanOrEqual(4);
      for (const sensors of [1, 3, 8])
        for (const correlators of [1, 4]) {
          expect(await run(sensors, correlators, false)).toEqual(expected);
          expect(await run(sensors, correlators, true)).toEqual(expected);
        }
    });
});
