import "reflect-metadata";
import { logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import { NestFactory } from "@nestjs/core";
import { HostServiceService } from "@picket/proto/generated/picket/v1/host.js";
import { PolicyServiceService } from "@picket/proto/generated/picket/v1/policy.js";
import { SensorServiceService } from "@picket/proto/generated/picket/v1/sensor.js";
import { pino, type Logger } from "pino";
import { ApiModule } from "./api.module.js";
import type { ApiConfig, ApiDaemonConfig } from "./config.js";
import { PassErrorsFilter } from "./grpc/grpc-error.js";
import { GrpcTransport } from "./grpc/grpc-transport.js";
import { readServerCredentials } from "./grpc/server-credentials.js";
import { StandardServices } from "./grpc/standard-services.js";
import { incidentServiceDefinition } from "./incidents/watch-response-codec.js";
import type { ApiPorts } from "./ports.js";

export type { ApiPorts } from "./ports.js";
export type { ApiConfig } from "./config.js";

/** A running api. */
export interface RunningApi {
  /** HOST:PORT that is served. */
  readonly address: string;
  /** Ends watches, lets calls finish within 2 s, closes; harmless when done twice. */
  stop(): Promise<void>;
}

const serviceNames = ["IncidentService", "SensorService", "PolicyService", "HostService"].map(
  (name) => `picket.v1.${name}`,
);

/**
 * Serves gRPC over the given ports until `signal` aborts or `stop` is called.
 * The ports stay the caller's. Throws PicketError ADDRESS_IN_USE,
 * INVALID_ARGUMENT (listen) or FILE_UNREADABLE (TLS files).
 */
export async function runApi(config: ApiConfig, ports: ApiPorts, signal?: AbortSignal): Promise<RunningApi> {
  // Its messages come back as errors, which say more.
  setLogVerbosity(logVerbosity.NONE);
  const logger = newLogger(config);
  const standard = new StandardServices(serviceNames);
  const transport = buildTransport(config, standard, logger);
  const app = await NestFactory.createMicroservice(ApiModule.over(ports, config), {
    strategy: transport,
    logger: false,
    abortOnError: false,
  });
  app.useGlobalFilters(new PassErrorsFilter());
  try {
    await app.listen();
  } catch (error) {
    await app.close();
    throw error;
  }
  standard.setServing(true);
  logger.info({ address: transport.address }, "serving gRPC");
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    standard.setServing(false);
    stopped ??= app.close();
    return stopped;
  };
  signal?.addEventListener("abort", () => void stop(), { once: true });
  if (signal?.aborted === true) await stop();
  return { address: transport.address, stop };
}

/**
 * `picket api`: serves what NATS and Redis hold until `signal` aborts, and
 * resolves to 0. Starts whether or not they are there. Throws PicketError like
 * `runApi`, and when a server refuses the credentials or is too old.
 */
export async function runApiDaemon(config: ApiDaemonConfig, signal: AbortSignal): Promise<number> {
  const { DistributedPorts } = await import("./distributed.module.js");
  const distributed = new DistributedPorts(config, newLogger(config));
  let api: RunningApi | undefined;
  try {
    api = await runApi(config, distributed.ports);
    distributed.start();
    const refusal = await Promise.race([distributed.failed, aborted(signal)]);
    if (refusal !== undefined) throw refusal;
    return 0;
  } finally {
    await api?.stop();
    await distributed.stop();
  }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}

function newLogger(config: ApiConfig): Logger {
  return pino({ name: "api", level: config.logLevel }, pino.destination({ fd: 2, sync: true }));
}

function buildTransport(config: ApiConfig, standard: StandardServices, logger: Logger): GrpcTransport {
  return new GrpcTransport({
    listen: config.listen,
    credentials: readServerCredentials(config),
    services: [incidentServiceDefinition, SensorServiceService, PolicyServiceService, HostServiceService],
    connectionAgeMaxMs: config.connectionAgeMaxSeconds * 1000,
    streamsMax: config.watchersMax,
    addServices: (server) => standard.addTo(server),
    onBug: (error) => logger.error({ err: error }, "a call failed unexpectedly"),
  });
}
