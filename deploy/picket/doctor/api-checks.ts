import { Metadata } from "@grpc/grpc-js";
import { ApiClient } from "@picket/api/cli/api-client.js";
import { nameOf } from "@picket/api/cli/display.js";
import {
  ListSensorsRequest,
  SensorState,
  type ListSensorsResponse,
  type Sensor,
} from "@picket/proto/generated/picket/v1/sensor.js";

import { failedBy, passed, warned, type Check, type OnCheck } from "./check.js";
import type { DoctorConfig } from "./doctor-config.js";

const clockSkewMaxMs = 2000;
const namesShown = 5;

/** A client of the configured api. Throws PicketError FILE_UNREADABLE or INVALID_ARGUMENT. */
export function apiClientOf(config: DoctorConfig): ApiClient {
  return new ApiClient({
    server: config.api,
    tlsCa: config.apiTlsCaFile || undefined,
    tlsCertificate: config.apiTlsCertificateFile || undefined,
    tlsKey: config.apiTlsKeyFile || undefined,
  });
}

/** The api answers, and how its sensors do. True when it answers. */
export async function checkApi(client: ApiClient, onCheck: OnCheck): Promise<boolean> {
  try {
    const sensors = await listSensors(client);
    onCheck(passed("api", `answers at ${client.server}`));
    onCheck(checkStates(sensors));
    onCheck(checkClocks(sensors));
    return true;
  } catch (error) {
    onCheck(failedBy("api", error, "start it: picket api"));
    return false;
  }
}

async function listSensors(client: ApiClient): Promise<Sensor[]> {
  const sensors: Sensor[] = [];
  let pageToken = "";
  do {
    const request = ListSensorsRequest.create({ pageSize: 1000, pageToken });
    const page = await client.call<ListSensorsResponse>((done, options) =>
      client.sensors.listSensors(request, new Metadata(), options, done),
    );
    sensors.push(...page.sensors);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return sensors;
}

function checkStates(sensors: readonly Sensor[]): Check {
  const name = "sensors";
  if (sensors.length === 0)
    return warned(name, "none has reported yet", "start one on a host: picket sensor");
  const counts = new Map<string, number>();
  for (const { state } of sensors) {
    const text = nameOf.sensorState(state);
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  const detail = [...counts].map(([state, count]) => `${count} ${state}`).join(", ");
  const ill = sensors.filter(
    ({ state }) => state !== SensorState.SENSOR_STATE_RUNNING && state !== SensorState.SENSOR_STATE_STOPPED,
  );
  if (ill.length === 0) return passed(name, detail);
  return warned(name, `${detail}: ${namesOf(ill)}`, "see picket sensors for what each one says");
}

function checkClocks(sensors: readonly Sensor[]): Check {
  const name = "sensor clocks";
  const off = sensors.filter(({ clockSkewMs }) => Math.abs(Number(clockSkewMs)) > clockSkewMaxMs);
  if (off.length === 0) return passed(name, "all within 2 s");
  const worst = Math.max(...off.map(({ clockSkewMs }) => Math.abs(Number(clockSkewMs))));
  const detail = `${off.length} off by more than 2 s, up to ${(worst / 1000).toFixed(1)} s: ${namesOf(off)}`;
  return warned(name, detail, "their records are corrected; let those hosts keep time by NTP");
}

function namesOf(sensors: readonly Sensor[]): string {
  const names = sensors.slice(0, namesShown).map(({ name }) => name);
  const more = sensors.length - names.length;
  return names.join(" ") + (more > 0 ? ` and ${more} more` : "");
}
