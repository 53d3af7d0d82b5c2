import { randomUUID } from "node:crypto";
import { Controller, Inject } from "@nestjs/common";
import { Ctx, MessagePattern, Payload, Transport } from "@nestjs/microservices";
import * as wire from "@picket/proto/generated/picket/v1/incident.js";
import type { Incident } from "@picket/correlator/incidents/incident.js";
import { PicketError } from "@picket/proto/picket-error.js";
import type { ApiConfig } from "../config.js";
import type { CallContext } from "../grpc/grpc-transport.js";
import { formatPageToken, parsePageSize, parsePageToken } from "../grpc/page-token.js";
import { apiConfig, apiPorts, type ApiPorts } from "../ports.js";
import { toWireIncident } from "./incident-mapper.js";
import { parseOrder, sortAfter } from "./incident-order.js";
import { fromWireFilter, fromWireId, fromWireUpdate } from "./incident-request-mapper.js";
import { toWireWatchResponse } from "./watch-response-codec.js";
import { watchResponses } from "./watch-responses.js";

const { listIncidents, getIncident, watchIncidents, updateIncident } = wire.IncidentServiceService;

/** A page ends early rather than exceed this, so that it fits a client's default limits. */
const pageBytesMax = 900 * 1024;

/** picket.v1.IncidentService. */
@Controller()
export class IncidentController {
  constructor(
    @Inject(apiPorts) private readonly ports: ApiPorts,
    @Inject(apiConfig) private readonly config: ApiConfig,
  ) {}

  @MessagePattern(listIncidents.path, Transport.GRPC)
  async listIncidents(@Payload() request: wire.ListIncidentsRequest): Promise<wire.ListIncidentsResponse> {
    const pageSize = parsePageSize(request.pageSize);
    const order = parseOrder(request.orderBy);
    const filter = fromWireFilter(request.filter);
    const after = parsePageToken([filter, order], request.pageToken);
    const { incidents, stale } = await this.ports.incidents.list(filter);
    const rest = sortAfter(incidents, order, after);
    const page = firstThatFit(rest.map(({ incident }) => incident).slice(0, pageSize));
    const nextPageToken =
      page.length < rest.length ? formatPageToken([filter, order], rest[page.length - 1].position) : "";
    return { incidents: page, nextPageToken, stale };
  }

  @MessagePattern(getIncident.path, Transport.GRPC)
  async getIncident(@Payload() request: wire.GetIncidentRequest): Promise<wire.Incident> {
    const id = fromWireId(request.id);
    return toWireIncident(found(id, await this.ports.incidents.get(id)));
  }

  @MessagePattern(updateIncident.path, Transport.GRPC)
  async updateIncident(@Payload() request: wire.UpdateIncidentRequest): Promise<wire.Incident> {
    const change = fromWireUpdate(request, this.ports.now(), randomUUID);
    return toWireIncident(found(change.id, await this.ports.incidents.review(change)));
  }

  @MessagePattern(watchIncidents.path, Transport.GRPC)
  async *watchIncidents(
    @Payload() request: wire.WatchIncidentsRequest,
    @Ctx() context: CallContext,
  ): AsyncGenerator<wire.WatchIncidentsResponse> {
    const responses = watchResponses(this.ports.incidents, {
      filter: fromWireFilter(request.filter),
      cursor: request.cursor,
      heartbeatIntervalMs: this.config.heartbeatIntervalMs,
      signal: context.signal,
    });
    for await (const response of responses) yield toWireWatchResponse(response, this.ports.now());
  }
}

function found(id: string, incident: Incident | undefined): Incident {
  if (incident === undefined)
    throw new PicketError("NOT_FOUND", `id: no incident has the id ${id}`, { field: "id" });
  return incident;
}

/** Messages from the front that fit a page together; the first one always does. */
function firstThatFit(incidents: readonly Incident[]): wire.Incident[] {
  const page: wire.Incident[] = [];
  let bytes = 0;
  for (const incident of incidents) {
    const message = toWireIncident(incident);
    bytes += wire.Incident.encode(message).finish().length;
    if (bytes > pageBytesMax && page.length > 0) break;
    page.push(message);
  }
  return page;
}
