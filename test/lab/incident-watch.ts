import type { ApiClient } from "@picket/api/cli/api-client.js";
import {
  IncidentState,
  WatchIncidentsRequest,
  type Incident,
  type WatchIncidentsResponse,
} from "@picket/proto/generated/picket/v1/incident.js";
import { until } from "./until.js";

/** An event as it arrived. */
export interface ArrivedIncident {
  readonly incident: Incident;
  /** Milliseconds since the Unix epoch, by this machine's clock. */
  readonly arrivedMs: number;
}

/** Follows WatchIncidents and keeps every event and the last state of each incident. */
export class IncidentWatch {
  readonly events: ArrivedIncident[] = [];
  /** Why the watch ended by itself, or what it missed. */
  fault: string | undefined;
  readonly #latest = new Map<string, Incident>();
  readonly #stream: ReturnType<ApiClient["incidents"]["watchIncidents"]>;
  #isStopped = false;

  constructor(client: ApiClient) {
    const request = WatchIncidentsRequest.create({ cursor: "0", filter: { includeInactive: true } });
    this.#stream = client.incidents.watchIncidents(request);
    this.#stream.on("data", (response: WatchIncidentsResponse) => this.#take(response, Date.now()));
    this.#stream.on("error", (error: Error) => this.#fail(error.message));
    this.#stream.on("end", () => this.#fail("the api ended the watch"));
  }

  stop(): void {
    this.#isStopped = true;
    this.#stream.cancel();
  }

  /** Incidents that are of their own: neither merged nor retracted. */
  active(): Incident[] {
    return [...this.#latest.values()].filter(
      ({ state }) =>
        state !== IncidentState.INCIDENT_STATE_MERGED && state !== IncidentState.INCIDENT_STATE_RETRACTED,
    );
  }

  activeOf(source: string): Incident[] {
    return this.active().filter(({ sources }) => sources.includes(source));
  }

  /** When an active incident first satisfied the condition; undefined when none did in time. */
  async untilIncident(
    condition: (incident: Incident) => boolean,
    timeoutMs: number,
  ): Promise<ArrivedIncident | undefined> {
    const find = (): ArrivedIncident | undefined =>
      this.events.find(({ incident }) => this.#latest.has(incident.id) && condition(incident));
    await until(() => find() !== undefined, timeoutMs);
    return find();
  }

  #take({ event }: WatchIncidentsResponse, arrivedMs: number): void {
    if (event?.$case === "gap") this.fault = `missed ${event.gap.missedEvents} events: ${event.gap.reason}`;
    if (event?.$case !== "incidentEvent") return;
    const { incident } = event.incidentEvent;
    if (incident === undefined) return;
    this.events.push({ incident, arrivedMs });
    this.#latest.set(incident.id, incident);
  }

  #fail(reason: string): void {
    if (!this.#isStopped) this.fault ??= reason;
  }
}
