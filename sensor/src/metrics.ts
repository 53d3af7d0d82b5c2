import { createServer, type Server } from "node:http";
import { PicketError } from "@picket/proto/picket-error.js";
import { Gauge, Registry } from "prom-client";
import type { SensorCounters } from "./capture/live-settings.js";

/**
 * Counters of the sensor as Prometheus metrics `picket_sensor_NAME`, each with
 * the sensor's name as label. They are read when somebody asks.
 */
export class SensorMetrics {
  readonly #registry = new Registry();
  readonly #gauges = new Map<string, Gauge>();
  #server: Server | undefined;

  constructor(
    sensor: string,
    private readonly counters: () => SensorCounters,
  ) {
    this.#registry.setDefaultLabels({ sensor });
  }

  /** The text format. */
  async text(): Promise<string> {
    for (const [name, value] of Object.entries(this.counters())) this.#gauge(name).set(value);
    return this.#registry.metrics();
  }

  /** Serves them at host:port; throws PicketError ADDRESS_IN_USE. */
  async listen(address: string): Promise<void> {
    const at = address.lastIndexOf(":");
    const server = createServer((_request, response) => {
      void this.text().then((text) => {
        response.setHeader("content-type", this.#registry.contentType);
        response.end(text);
      });
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(listenError(address, error)));
      server.listen(Number(address.slice(at + 1)), address.slice(0, at), resolve);
    });
    this.#server = server;
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #gauge(name: string): Gauge {
    const known = this.#gauges.get(name);
    if (known !== undefined) return known;
    const gauge = new Gauge({
      name: `picket_sensor_${name}`,
      help: `The sensor's ${name.replaceAll("_", " ")}.`,
      registers: [this.#registry],
    });
    this.#gauges.set(name, gauge);
    return gauge;
  }
}

function listenError(address: string, cause: NodeJS.ErrnoException): PicketError {
  if (cause.code === "EADDRINUSE") {
    return new PicketError("ADDRESS_IN_USE", `${address} is taken by another program: choose another`, {
      cause,
      field: "metricsListen",
    });
  }
  return new PicketError("INVALID_ARGUMENT", `cannot listen at ${address}: ${cause.message}`, {
    cause,
    field: "metricsListen",
  });
}
