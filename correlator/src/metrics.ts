import { createServer, type Server, type ServerResponse } from "node:http";
import { PicketError } from "@picket/proto/picket-error.js";
import { collectDefaultMetrics, Gauge, Registry } from "prom-client";

/**
 * Counters of the correlator as Prometheus metrics `picket_correlator_NAME`,
 * read when somebody asks; where they are served, also the process's memory, CPU
 * and event loop under their usual names.
 */
export class CorrelatorMetrics {
  readonly #registry = new Registry();
  readonly #gauges = new Map<string, Gauge>();
  #server: Server | undefined;

  /** @param counters by name in camel case */
  constructor(private readonly counters: () => Readonly<Record<string, number>>) {}

  /** The text format. */
  async text(): Promise<string> {
    for (const [name, value] of Object.entries(this.counters())) this.#gauge(snakeCase(name)).set(value);
    return await this.#registry.metrics();
  }

  /** Serves them at host:port; throws PicketError ADDRESS_IN_USE or INVALID_ARGUMENT. */
  async listen(address: string): Promise<void> {
    const colon = address.lastIndexOf(":");
    const server = createServer((_request, response) => void this.#respond(response));
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(listenFailure(address, error)));
      server.listen(Number(address.slice(colon + 1)), address.slice(0, colon), resolve);
    });
    this.#server = server;
    collectDefaultMetrics({ register: this.#registry });
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    server.closeAllConnections();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
  }

  async #respond(response: ServerResponse): Promise<void> {
    response.setHeader("content-type", this.#registry.contentType);
    response.end(await this.text());
  }

  #gauge(name: string): Gauge {
    const known = this.#gauges.get(name);
    if (known !== undefined) return known;
    const help = `The correlator's ${name.replaceAll("_", " ")}.`;
    const gauge = new Gauge({ name: `picket_correlator_${name}`, help, registers: [this.#registry] });
    this.#gauges.set(name, gauge);
    return gauge;
  }
}

function snakeCase(name: string): string {
  return name.replace(/[^A-Za-z0-9]+/g, "_").replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function listenFailure(address: string, cause: NodeJS.ErrnoException): PicketError {
  const field = "metricsListen";
  if (cause.code === "EADDRINUSE")
    return new PicketError("ADDRESS_IN_USE", `${address} is taken by another program: choose another`, {
      cause,
      field,
    });
  return new PicketError("INVALID_ARGUMENT", `cannot listen at ${address}: ${cause.message}`, {
    cause,
    field,
  });
}
