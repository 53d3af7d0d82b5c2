import { controlAddress, sweepSources } from "../address-plan.js";
import { runCommand } from "../command.js";
import { picketCommand, type Lab } from "../lab.js";
import type { Report } from "../report.js";

/** The fields of proto3 JSON that are looked at here. */
interface IncidentJson {
  readonly kind?: string;
  readonly sources?: readonly string[];
}

interface SensorJson {
  readonly name?: string;
  readonly state?: string;
  readonly policyRevision?: string;
  readonly lostRecords?: string;
  readonly appliedRecords?: string;
}

/** `picket incidents list --json` has the shared sweep as WatchIncidents told it. */
export async function checkListedSweep(_lab: Lab, report: Report): Promise<void> {
  const listed = await readJsonLines<IncidentJson>("incidents", "list", "--json");
  const sweeps = listed.filter(
    ({ kind, sources = [] }) =>
      kind === "INCIDENT_KIND_DISTRIBUTED_SCAN" &&
      sweepSources.every(({ address }) => sources.includes(address)),
  );
  report.check(
    sweeps.length === 1,
    "picket incidents list shows the sweep",
    `${sweeps.length} of ${listed.length} listed`,
  );
}

/** Every sensor still runs and has lost nothing. */
export async function checkNothingLost(lab: Lab, report: Report): Promise<void> {
  const sensors = await readSensors();
  const unwell = sensors.filter(
    ({ state, lostRecords = "0" }) => state !== "SENSOR_STATE_RUNNING" || lostRecords !== "0",
  );
  const applied = sensors.reduce((sum, { appliedRecords = "0" }) => sum + Number(appliedRecords), 0);
  const { flows } = lab.recorder;
  const own = flows.filter(
    ({ source, destination }) => source === controlAddress || destination === controlAddress,
  );
  report.check(
    unwell.length === 0,
    "no sensor lost anything",
    [
      `${flows.length} flow records published, ${applied} applied, ${own.length} about the sensors' own traffic`,
      ...unwell.map(({ name, state, lostRecords }) => `${name}: ${state}, ${lostRecords ?? 0} lost`),
    ].join(", "),
  );
}

/** What `picket sensors --json` prints. */
export function readSensors(): Promise<SensorJson[]> {
  return readJsonLines<SensorJson>("sensors", "--json");
}

async function readJsonLines<T>(...words: string[]): Promise<T[]> {
  const output = await runCommand(picketCommand(...words));
  return output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}
