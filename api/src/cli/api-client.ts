import { readFileSync } from "node:fs";
import { credentials, status, type ChannelCredentials, type ServiceError } from "@grpc/grpc-js";
import { HostServiceClient } from "@picket/proto/generated/picket/v1/host.js";
import { IncidentServiceClient } from "@picket/proto/generated/picket/v1/incident.js";
import { PolicyServiceClient } from "@picket/proto/generated/picket/v1/policy.js";
import { SensorServiceClient } from "@picket/proto/generated/picket/v1/sensor.js";
import { PicketError, type ErrorCode } from "@picket/proto/picket-error.js";
import type { ServerOptions } from "./server-options.js";

const callTimeoutMs = 10_000;

/** A connection to the api with a client for each service. */
export class ApiClient {
  readonly incidents: IncidentServiceClient;
  readonly sensors: SensorServiceClient;
  readonly policy: PolicyServiceClient;
  readonly hosts: HostServiceClient;
  readonly server: string;

  constructor(options: ServerOptions) {
    if (!/^(\[[0-9a-fA-F:.]+\]|[^:[\]\s]+):\d{1,5}$/.test(options.server)) {
      throw new PicketError(
        "INVALID_ARGUMENT",
        `--server: ${options.server} is not HOST:PORT, for example 127.0.0.1:50061`,
      );
    }
    this.server = options.server;
    const channel = readCredentials(options);
    const settings = { "grpc.keepalive_time_ms": 30_000, "grpc.keepalive_timeout_ms": 10_000 };
    this.incidents = new IncidentServiceClient(this.server, channel, settings);
    this.sensors = new SensorServiceClient(this.server, channel, settings);
    this.policy = new PolicyServiceClient(this.server, channel, settings);
    this.hosts = new HostServiceClient(this.server, channel, settings);
  }

  /**
   * Makes a unary call: `client.call((done, options) => client.policy.getPolicy({}, new Metadata(), options, done))`.
   * Throws PicketError with the sentence of the api, or one that says that it is not there.
   */
  call<Response>(
    start: (
      done: (error: ServiceError | null, response: Response) => void,
      options: { deadline: number },
    ) => unknown,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, response: Response): void => {
        if (error === null) resolve(response);
        else reject(this.explain(error));
      };
      start(done, { deadline: Date.now() + callTimeoutMs });
    });
  }

  /** The expected failure that a gRPC error stands for. */
  explain(error: ServiceError): PicketError {
    if (isUnreachable(error)) {
      const hint = "start it with `picket up` or give --server";
      return new PicketError("SERVER_UNREACHABLE", `cannot reach the api at ${this.server}: ${hint}`, {
        cause: error,
      });
    }
    if (error.code === status.DEADLINE_EXCEEDED) {
      const message = `the api at ${this.server} did not answer within ${callTimeoutMs / 1000} s`;
      return new PicketError("SERVER_UNREACHABLE", message, { cause: error });
    }
    return new PicketError(codeOfStatus[error.code] ?? "SERVER_UNREACHABLE", error.details, { cause: error });
  }

  close(): void {
    this.incidents.close();
    this.sensors.close();
    this.policy.close();
    this.hosts.close();
  }
}

/** Runs with a client that is closed afterwards. */
export async function withApiClient<Result>(
  options: ServerOptions,
  run: (client: ApiClient) => Promise<Result>,
): Promise<Result> {
  const client = new ApiClient(options);
  try {
    return await run(client);
  } finally {
    client.close();
  }
}

const codeOfStatus: Partial<Record<status, ErrorCode>> = {
  [status.INVALID_ARGUMENT]: "INVALID_ARGUMENT",
  [status.NOT_FOUND]: "NOT_FOUND",
  [status.ABORTED]: "CONFLICT",
  [status.UNAUTHENTICATED]: "CREDENTIALS_REFUSED",
  [status.PERMISSION_DENIED]: "CREDENTIALS_REFUSED",
};

/** True when grpc-js itself gave up, false when the api said that it cannot serve. */
export function isUnreachable(error: ServiceError): boolean {
  return (
    error.code === status.UNAVAILABLE &&
    /^(No connection established|Name resolution failed|Connection dropped|Failed to|.*ECONN)/i.test(
      error.details,
    )
  );
}

function readCredentials({ tlsCa, tlsCertificate, tlsKey }: ServerOptions): ChannelCredentials {
  if ((tlsCertificate === undefined) !== (tlsKey === undefined)) {
    throw new PicketError("INVALID_ARGUMENT", "--tls-certificate and --tls-key must be given together");
  }
  if (tlsCa === undefined && tlsCertificate === undefined) return credentials.createInsecure();
  const [ca, cert, key] = [tlsCa, tlsCertificate, tlsKey].map((file) =>
    file === undefined ? null : readPem(file),
  );
  return credentials.createSsl(ca, key, cert);
}

function readPem(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new PicketError("FILE_UNREADABLE", `cannot read the TLS file ${file}`, { cause: error });
  }
}
