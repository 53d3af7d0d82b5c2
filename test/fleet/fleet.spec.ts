import { expect, it } from "vitest";
import { fleetJson, fleetText } from "./fleet-report.js";
import { fleetDefaults, runFleet } from "./fleet-run.js";
import { notBuilt } from "./role-process.js";

if (notBuilt !== undefined) process.stderr.write(`fleet: skipped, ${notBuilt}\n`);

it.skipIf(notBuilt !== undefined)(
  "fifty sensors: every attack is found, and nothing else is told",
  async () => {
    const settings = { ...fleetDefaults, sensors: 50, seed: 1, runMs: 9000, quietMs: 1500 };
    const attacks = ["vertical-scan", "port-sweep", "syn-flood", "campaign"];
    const result = await runFleet({ ...settings, attacks });
    const text = fleetText(result).join("\n");
    expect(result.recall, text).toBe(1);
    expect(result.falseIncidents, text).toEqual([]);
    expect(result.isSettled, text).toBe(true);
    expect(result.recordsLost).toBe(0);
    expect(result.watchFault).toBe(undefined);
    for (const { delayMs = -1, name } of result.attacks) expect(delayMs, name).toBeGreaterThanOrEqual(0);
    expect(Object.keys(result.cpuSeconds).sort()).toEqual([
      "api",
      "correlator 0",
      "nats",
      "redis",
      "simulator",
    ]);
    const lines = fleetJson(result).map((line) => JSON.parse(line) as { type: string });
    expect(lines.map(({ type }) => type)).toEqual([...attacks.map(() => "attack"), "summary"]);
  },
  60_000,
);
