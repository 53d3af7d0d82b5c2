import { Metadata, type ServiceError } from "@grpc/grpc-js";
import {
  WatchSensorsResponse,
  type Sensor,
  type SensorState,
} from "@picket/proto/generated/picket/v1/sensor.js";
import { withApiClient, type ApiClient } from "./api-client.js";
import { formatTime, nameOf } from "./display.js";
import type { ServerOptions } from "./server-options.js";
import { printable, type Terminal } from "./terminal.js";

/** Options of `sensors --watch`. */
export interface WatchSensorsOptions extends ServerOptions {
  readonly json?: boolean;
  /** Seconds. */
  readonly timeout?: number;
}

/**
 * Prints each sensor and then every change of its state until interrupted or
 * the time is over. Throws PicketError when the api is not there or goes away:
 * the next watch begins with the state of then, so that nothing is missed.
 */
export async function watchSensorsCommand(options: WatchSensorsOptions, terminal: Terminal): Promise<void> {
  const interrupt = terminal.onInterrupt();
  const stop = new AbortController();
  const timer =
    options.timeout === undefined ? undefined : setTimeout(() => stop.abort(), options.timeout * 1000);
  interrupt.signal.addEventListener("abort", () => stop.abort());
  try {
    await withApiClient(options, (client) => follow(client, options, terminal, stop.signal));
  } finally {
    clearTimeout(timer);
    interrupt.release();
  }
}

function follow(
  client: ApiClient,
  options: WatchSensorsOptions,
  terminal: Terminal,
  stop: AbortSignal,
): Promise<void> {
  const told = new Map<string, SensorState>();
  const call = client.sensors.watchSensors({ names: [], includeDrills: false }, new Metadata());
  stop.addEventListener("abort", () => call.cancel());
  call.on("data", (response: WatchSensorsResponse) => terminal.out(formatChange(response, options, told)));
  return new Promise((resolve, reject) => {
    call.on("end", resolve);
    call.on("error", (error: ServiceError) => (stop.aborted ? resolve() : reject(client.explain(error))));
  });
}

function formatChange(
  response: WatchSensorsResponse,
  options: WatchSensorsOptions,
  told: Map<string, SensorState>,
): string {
  if (response.event?.$case !== "sensor") return "";
  if (options.json === true) return `${JSON.stringify(WatchSensorsResponse.toJSON(response))}\n`;
  const { sensor } = response.event;
  if (told.get(sensor.name) === sensor.state) return "";
  told.set(sensor.name, sensor.state);
  return formatLine(sensor);
}

function formatLine(sensor: Sensor): string {
  const words = [
    formatTime(sensor.lastStatusTime),
    printable(sensor.name),
    nameOf.sensorState(sensor.state),
    printable(sensor.detail),
  ];
  return `${words.join("  ").trimEnd()}\n`;
}
