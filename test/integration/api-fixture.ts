import { credentials, type ServiceError, type ClientReadableStream } from "@grpc/grpc-js";
import { apiServingSchema, type ApiConfig } from "@picket/api/config.js";
import { runApi, type RunningApi } from "@picket/api/main.js";
import { MemoryHostProfileStore } from "@picket/correlator/adapters/memory/memory-host-profile-store.js";
import { MemoryIncidentStore } from "@picket/correlator/adapters/memory/memory-incident-store.js";
import { MemoryPolicyStore } from "@picket/correlator/adapters/memory/memory-policy-store.js";
import { MemorySensorRegistry } from "@picket/correlator/adapters/memory/memory-sensor-registry.js";
import { HostServiceClient } from "@picket/proto/generated/picket/v1/host.js";
import { IncidentServiceClient } from "@picket/proto/generated/picket/v1/incident.js";
import type { WatchIncidentsResponse } from "@picket/proto/generated/picket/v1/incident.js";
import { PolicyServiceClient } from "@picket/proto/generated/picket/v1/policy.js";
import { SensorServiceClient } from "@picket/proto/generated/picket/v1/sensor.js";

export const nowMs = 1_760_000_100_000;

/** An api over the memory adapters on a free port, with clients. */
export class ApiFixture {
  readonly incidentClient: IncidentServiceClient;
  readonly policyClient: PolicyServiceClient;
  readonly sensorClient: SensorServiceClient;
  readonly hostClient: HostServiceClient;

  private constructor(
    readonly api: RunningApi,
    readonly incidents: MemoryIncidentStore,
    readonly policy: MemoryPolicyStore,
    readonly sensors: MemorySensorRegistry,
    readonly profiles: MemoryHostProfileStore,
  ) {
    const insecure = credentials.createInsecure();
    this.incidentClient = new IncidentServiceClient(api.address, insecure);
    this.policyClient = new PolicyServiceClient(api.address, insecure);
    this.sensorClient = new SensorServiceClient(api.address, insecure);
    this.hostClient = new HostServiceClient(api.address, insecure);
  }

  static async start(
    config: Partial<ApiConfig> = {},
    incidents = new MemoryIncidentStore({ eventsMax: 500 }),
  ): Promise<ApiFixture> {
    const policy = new MemoryPolicyStore();
    const sensors = new MemorySensorRegistry();
    const full = apiServingSchema.parse({ listen: "127.0.0.1:0", logLevel: "error", ...config });
    const profiles = new MemoryHostProfileStore();
    const api = await runApi(full, { incidents, policy, sensors, profiles, now: () => nowMs });
    return new ApiFixture(api, incidents, policy, sensors, profiles);
  }

  async stop(): Promise<void> {
    this.incidentClient.close();
    this.policyClient.close();
    this.sensorClient.close();
    this.hostClient.close();
    await this.api.stop();
    await this.incidents.close();
  }
}

/** Makes a promise of a callback-style call. */
export function result<Response>(
  call: (callback: (error: ServiceError | null, response: Response) => void) => unknown,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    call((error, response) => (error === null ? resolve(response) : reject(error)));
  });
}

/** The first responses of a watch that are of interest; heartbeats are only counted when asked for. */
export async function collect(
  stream: ClientReadableStream<WatchIncidentsResponse>,
  count: number,
  withHeartbeats = false,
): Promise<WatchIncidentsResponse[]> {
  const responses: WatchIncidentsResponse[] = [];
  for await (const response of stream) {
    if (response.event?.$case !== "heartbeat" || withHeartbeats) responses.push(response);
    if (responses.length === count) break;
  }
  return responses;
}

/** Waits until a condition holds; fails after 10 s. */
export async function until(isTrue: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!isTrue()) {
    if (Date.now() > deadline) throw new Error(`gave up waiting: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
