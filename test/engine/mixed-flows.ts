import type { ScenarioFlow } from "./flow-scenario.js";
import { benignMix, dividedGrid, jointBurst, portScan, sharedSweep, slowSource } from "./scenarios.js";

/** Everything at once, differently for each seed. */
export function mixedFlows(seed: number): ScenarioFlow[] {
  return [
    ...benignMix(seed, 800),
    ...sharedSweep(seed),
    ...slowSource(seed),
    ...portScan(seed, 40 + (seed % 100)),
    ...dividedGrid(seed),
    ...jointBurst(seed, 3 + (seed % 3)),
  ];
}
