import { Metadata } from "@grpc/grpc-js";
import type { Command } from "commander";
import { Sensor, SensorState, type ListSensorsResponse } from "@picket/proto/generated/picket/v1/sensor.js";
import { withApiClient, type ApiClient } from "./api-client.js";
import { wholeNumber } from "./filter-options.js";
import { formatFirst, formatNumber, formatTime, nameOf, severityPaint } from "./display.js";
import { formatNetworks } from "./network-table.js";
import { getPolicy } from "./policy-commands.js";
import { addServerOptions, type ServerOptions } from "./server-options.js";
import { watchSensorsCommand } from "./watch-sensors-command.js";
import type { Terminal } from "./terminal.js";
import { formatTable, type Cell } from "./text-table.js";

/** A clock that is less far off is as good as right: batches are corrected beyond it. */
const skewShownSeconds = 2;

interface SensorOptions extends ServerOptions {
  readonly json?: boolean;
  readonly watch?: boolean;
  readonly networks?: boolean;
  /** Seconds. */
  readonly timeout?: number;
}

/** Adds `sensors`. */
export function registerSensorCommands(program: Command, terminal: Terminal): void {
  addServerOptions(program.command("sensors"))
    .description("list the sensors and how they do")
    .option("--watch", "print every change of a sensor as it comes, until interrupted")
    .option("--networks", "list the networks that they and the policy name, and what is inside")
    .option("--timeout <seconds>", "with --watch: stop after this time", wholeNumber(1))
    .addHelpText("after", "\nExample:\n  picket sensors --server 10.0.0.5:50061\n")
    .action((options: SensorOptions) =>
      options.watch === true ? watchSensorsCommand(options, terminal) : sensorsCommand(options, terminal),
    );
}

async function sensorsCommand(options: SensorOptions, terminal: Terminal): Promise<void> {
  const sensors = await withApiClient(options, listAll);
  if (options.json === true) {
    terminal.out(sensors.map((sensor) => `${JSON.stringify(Sensor.toJSON(sensor))}\n`).join(""));
    return;
  }
  if (options.networks === true) {
    const { homeNetworks } = await withApiClient(options, getPolicy);
    terminal.out(formatNetworks(sensors, homeNetworks));
    return;
  }
  if (sensors.length === 0) terminal.note("no sensor has reported yet\n");
  else terminal.out(formatSensors(sensors, terminal.hasColours));
}

async function listAll(client: ApiClient): Promise<Sensor[]> {
  const sensors: Sensor[] = [];
  let pageToken = "";
  do {
    const request = { pageSize: 1000, pageToken, includeDrills: false };
    const page = await client.call<ListSensorsResponse>((done, call) =>
      client.sensors.listSensors(request, new Metadata(), call, done),
    );
    sensors.push(...page.sensors);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return sensors;
}

function formatSensors(sensors: readonly Sensor[], hasColours: boolean): string {
  const head = [
    "SENSOR",
    "STATE",
    "PACKETS/S",
    "FLOWS",
    "LOST",
    "REJECTED",
    "DROPPED",
    "CLOCK",
    "POLICY",
    "LAST STATUS",
    "INTERFACES",
    "NETWORKS",
    "DETAIL",
  ];
  const rows = sensors.map((sensor): Cell[] => [
    sensor.name,
    { text: nameOf.sensorState(sensor.state), paint: severityPaint(severityOf(sensor.state), hasColours) },
    formatNumber(Math.round(sensor.packetsPerSecond)),
    String(sensor.appliedRecords),
    String(sensor.lostRecords),
    String(Object.values(sensor.rejectedBatches).reduce((sum, count) => sum + count, 0n)),
    String(droppedOf(sensor)),
    formatSkew(sensor.clockSkewMs),
    String(sensor.policyRevision),
    formatTime(sensor.lastStatusTime),
    sensor.interfaces.join(" ") || "-",
    networksText(sensor),
    sensor.detail,
  ]);
  return formatTable(head, rows);
}

function networksText({ linkNetworks, routedNetworks }: Sensor): string {
  const networks = [...linkNetworks, ...routedNetworks];
  return formatFirst(networks, BigInt(networks.length), 2);
}

/** How far a sensor's clock is off, where its times are corrected for it. */
export function formatSkew(skewMs: bigint): string {
  const seconds = Number(skewMs) / 1000;
  if (Math.abs(seconds) <= skewShownSeconds) return "-";
  return `${seconds > 0 ? "+" : ""}${seconds.toFixed(1)} s`;
}

/** Packets the sensor saw pass but could not meter. */
function droppedOf(sensor: Sensor): bigint {
  return Object.entries(sensor.counters)
    .filter(([name]) => name.startsWith("packets_dropped"))
    .reduce((sum, [, count]) => sum + count, 0n);
}

/** Sensor states borrow the colours of severities. */
function severityOf(state: SensorState): string {
  if (state === SensorState.SENSOR_STATE_SILENT || state === SensorState.SENSOR_STATE_WAITING) return "high";
  return state === SensorState.SENSOR_STATE_DEGRADED ? "medium" : "";
}
