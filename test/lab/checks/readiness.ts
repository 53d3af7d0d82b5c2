import { hosts } from "../address-plan.js";
import type { Lab } from "../lab.js";
import type { Report } from "../report.js";
import { until } from "../until.js";
import { readSensors } from "./command-line.js";

const readyMaxMs = 40_000;

/** `picket sensors --json` shows every sensor running. */
export async function checkReadiness(lab: Lab, report: Report): Promise<void> {
  const startMs = performance.now();
  let states: string[] = [];
  const isReady = await until(async () => {
    states = (await readSensors()).map(({ state }) => state ?? "");
    return states.filter((state) => state === "SENSOR_STATE_RUNNING").length === hosts.length;
  }, readyMaxMs);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  report.check(isReady, "all sensors run", `${hosts.length} wanted, ${states.length} known, ${seconds} s`);
  if (!isReady) throw new Error(`sensors: ${states.join(", ")}`);
  for (const daemon of lab.daemons)
    if (daemon.end !== undefined) throw new Error(`${daemon.name}: ${daemon.end}`);
}
