import type { IncidentEvent } from "@picket/correlator/incidents/incident.js";
import * as wire from "@picket/proto/generated/picket/v1/incident.js";
import { toTimestamp } from "../grpc/wire-value-mapper.js";
import { toWireIncidentEvent } from "./incident-mapper.js";
import type { WatchResponse } from "./watch-responses.js";

const messages = new WeakMap<IncidentEvent, wire.WatchIncidentsResponse>();
const encodings = new WeakMap<wire.WatchIncidentsResponse, Buffer>();

/** The API message of what a watcher is told; watchers of the same event share it. */
export function toWireWatchResponse(response: WatchResponse, nowMs: number): wire.WatchIncidentsResponse {
  const { cursor } = response;
  if (response.kind === "heartbeat") {
    return { cursor, event: { $case: "heartbeat", heartbeat: { time: toTimestamp(nowMs) } } };
  }
  if (response.kind === "gap") {
    const gap = { reason: response.reason, missedEvents: BigInt(response.missedEvents) };
    return { cursor, event: { $case: "gap", gap } };
  }
  const known = messages.get(response.event);
  if (known?.cursor === cursor) return known;
  const incidentEvent = toWireIncidentEvent(response.event);
  const message: wire.WatchIncidentsResponse = { cursor, event: { $case: "incidentEvent", incidentEvent } };
  messages.set(response.event, message);
  return message;
}

/** The generated service, but an event that many watch is encoded once. */
export const incidentServiceDefinition = {
  ...wire.IncidentServiceService,
  watchIncidents: {
    ...wire.IncidentServiceService.watchIncidents,
    responseSerialize: encodeOnce,
  },
};

function encodeOnce(message: wire.WatchIncidentsResponse): Buffer {
  const known = encodings.get(message);
  if (known !== undefined) return known;
  const bytes = Buffer.from(wire.WatchIncidentsResponse.encode(message).finish());
  encodings.set(message, bytes);
  return bytes;
}
