import type { IncidentStore } from "@picket/correlator/incidents/incident-store.js";
import type { PolicyStore } from "@picket/correlator/policy/policy-store.js";
import type { HostProfileStore } from "@picket/correlator/profiles/host-profile-store.js";
import type { SensorRegistry } from "@picket/correlator/sensors/sensor-registry.js";

/** What the api serves from: memory in the embedded mode, NATS and Redis in the distributed one. */
export interface ApiPorts {
  readonly incidents: IncidentStore;
  readonly policy: PolicyStore;
  readonly sensors: SensorRegistry;
  readonly profiles: Pick<HostProfileStore, "read">;
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

/** Injection token of the ports. */
export const apiPorts = Symbol("apiPorts");

/** Injection token of the serving configuration. */
export const apiConfig = Symbol("apiConfig");
