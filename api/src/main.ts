import "reflect-metadata";
import { readFileSync } from "node:fs";
import { logVerbosity, ServerCredentials, setLogVerbosity } from "@grpc/grpc-js";
import { NestFactory } from "@nestjs/core";
import { PolicyServiceService } from "@picket/proto/generated/picket/v1/policy.js";
import { SensorServiceService } from "@picket/proto/generated/picket/v1/sensor.js";
import { PicketError } from "@picket/proto/picket-error.js";
import { pino, type Logger } from "pino";
import { ApiModule } from "./api.module.js";
import type { ApiConfig } from "./config.js";
import { PassErrorsFilter } from "./grpc/grpc-error.js";
import { GrpcTransport } from "./grpc/grpc-transport.js";
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

const serviceNames = ["picket.v1.IncidentService", "picket.v1.SensorService", "picket.v1.PolicyService"];

/**
 * Serves gRPC over the given ports until `signal` aborts or `stop` is called.
 * The ports stay the caller's. Throws PicketError ADDRESS_IN_USE,
 * INVALID_ARGUMENT (listen) or FILE_UNREADABLE (TLS files).
 */
export async function runApi(config: ApiConfig, ports: ApiPorts, signal?: AbortSignal): Promise<RunningApi> {
  // Its messages come back as errors, which say more.
  setLogVerbosity(logVerbosity.NONE);
  const logger = pino({ name: "api", level: config.logLevel }, pino.destination(2));
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

function buildTransport(config: ApiConfig, standard: StandardServices, logger: Logger): GrpcTransport {
  return new GrpcTransport({
    listen: config.listen,
    credentials: readCredentials(config),
    services: [incidentServiceDefinition, SensorServiceService, PolicyServiceService],
    connectionAgeMaxMs: config.connectionAgeMaxSeconds * 1000,
    streamsMax: config.watchersMax,
    addServices: (server) => standard.addTo(server),
    onBug: (error) => logger.error({ err: error }, "a call failed unexpectedly"),
  });
}

function readCredentials(config: ApiConfig): ServerCredentials {
  const { tlsCertFile, tlsKeyFile, tlsClientCaFile } = config;
  if (tlsCertFile === undefined && tlsKeyFile === undefined) {
    if (tlsClientCaFile === undefined) return ServerCredentials.createInsecure();
    throw missingTls("tlsCertFile", "tlsClientCaFile");
  }
  if (tlsCertFile === undefined) throw missingTls("tlsCertFile", "tlsKeyFile");
  if (tlsKeyFile === undefined) throw missingTls("tlsKeyFile", "tlsCertFile");
  const clientCa = tlsClientCaFile === undefined ? null : readPem(tlsClientCaFile);
  const pair = { cert_chain: readPem(tlsCertFile), private_key: readPem(tlsKeyFile) };
  return ServerCredentials.createSsl(clientCa, [pair], clientCa !== null);
}

function missingTls(field: string, other: string): PicketError {
  return new PicketError("INVALID_ARGUMENT", `${field}: must be given with ${other}`, { field });
}

function readPem(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new PicketError("FILE_UNREADABLE", `cannot read the TLS file ${file}`, { cause: error });
  }
}
