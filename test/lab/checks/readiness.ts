import { hosts } from "../address-plan.js";
import { runCommand } from "../command.js";
import { picketCommand, type Lab } from "../lab.js";
import type { Report } from "../report.js";
import { until } from "../until.js";

const readyMaxMs = 40_000;

/** `picket sensors --json` shows every sensor running. */
export async function checkReadiness(lab: Lab, report: Report): Promise<void> {
  const startMs = performance.now();
  let states: string[] = [];
  const isReady = await until(async () => {
    states = await sensorStates();
    return states.filter((state) => state === "SENSOR_STATE_RUNNING").length === hosts.length;
  }, readyMaxMs);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  report.check(isReady, "all sensors run", `${hosts.length} wanted, ${states.length} known, ${seconds} s`);
  if (!isReady) throw new Error(`sensors: ${states.join(", ")}`);
  for (const daemon of lab.daemons)
    if (daemon.end !== undefined) throw new Error(`${daemon.name}: ${daemon.end}`);
}

async function sensorStates(): Promise<string[]> {
  const output = await runCommand(picketCommand("sensors", "--json"));
  return output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => (JSON.parse(line) as { state?: string }).state ?? "");
}
