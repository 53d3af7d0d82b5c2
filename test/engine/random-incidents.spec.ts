import { expect, it } from "vitest";
import { scenarioStartMs, spreadFlows } from "./flow-scenario.js";
import { memoryPorts } from "./memory-ports.js";
import { randomFlows } from "./random-flows.js";
import { confirmedTerms, runEngine } from "./run-engine.js";

const firstSeed = Number(process.env["PICKET_SEED"] ?? 1000);
/** More of them: PICKET_SEEDS=1000. */
const seeds = Number(process.env["PICKET_SEEDS"] ?? "24");
const untilMs = scenarioStartMs + 4 * 86_400_000;

it(`random flows give the same confirmed incidents in any order (seeds from ${firstSeed})`, async () => {
  let found = 0;
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const flows = randomFlows(seed);
    const run = async (sensors: number, correlators: number, isAgain: boolean): Promise<unknown[]> => {
      const batches = spreadFlows(flows, {
        sensors,
        seed: seed + sensors,
        isDuplicated: isAgain,
        recordsPerBatch: 17,
      });
      return confirmedTerms(
        await runEngine(memoryPorts(), batches, { correlators, seed, isRedelivered: isAgain, untilMs }),
      );
    };
    const expected = await run(1, 1, false);
    expect(await run(8, 4, true), `seed ${seed}`).toEqual(expected);
    expect(await run(3, 1, false), `seed ${seed}`).toEqual(expected);
    found += expected.length;
  }
  expect(found).toBeGreaterThan(seeds / 2);
}, 300_000);
