import { Controller, Inject } from "@nestjs/common";
import { Ctx, MessagePattern, Payload, Transport } from "@nestjs/microservices";
import { isDrillSensor } from "@picket/correlator/incidents/drill.js";
import * as wire from "@picket/proto/generated/picket/v1/sensor.js";
import { PicketError } from "@picket/proto/picket-error.js";
import type { ApiConfig } from "../config.js";
import type { CallContext } from "../grpc/grpc-transport.js";
import { formatPageToken, parsePageSize, parsePageToken } from "../grpc/page-token.js";
import { toTimestamp } from "../grpc/wire-value-mapper.js";
import { apiConfig, apiPorts, type ApiPorts } from "../ports.js";
import { toWireSensor } from "./sensor-mapper.js";
import { SensorPoll } from "./sensor-poll.js";
import { sensorChanges } from "./sensor-changes.js";

const namesMax = 1000;

/** picket.v1.SensorService. */
@Controller()
export class SensorController {
  private readonly poll: SensorPoll;

  constructor(
    @Inject(apiPorts) private readonly ports: ApiPorts,
    @Inject(apiConfig) private readonly config: ApiConfig,
  ) {
    this.poll = new SensorPoll(() => ports.sensors.list(ports.now()));
  }

  @MessagePattern(wire.SensorServiceService.listSensors.path, Transport.GRPC)
  async listSensors(@Payload() request: wire.ListSensorsRequest): Promise<wire.ListSensorsResponse> {
    const pageSize = parsePageSize(request.pageSize);
    const after = parsePageToken("sensors", request.pageToken)?.id ?? "";
    const rest = (await this.ports.sensors.list(this.ports.now())).filter(
      ({ name }) => name > after && (request.includeDrills || !isDrillSensor(name)),
    );
    const page = rest.slice(0, pageSize);
    const nextPageToken =
      page.length < rest.length
        ? formatPageToken("sensors", { value: 0, id: page[page.length - 1].name })
        : "";
    return { sensors: page.map(toWireSensor), nextPageToken };
  }

  @MessagePattern(wire.SensorServiceService.watchSensors.path, Transport.GRPC)
  async *watchSensors(
    @Payload() request: wire.WatchSensorsRequest,
    @Ctx() context: CallContext,
  ): AsyncGenerator<wire.WatchSensorsResponse> {
    if (request.names.length > namesMax)
      throw new PicketError("INVALID_ARGUMENT", `names: must be at most ${namesMax}`, { field: "names" });
    const names = new Set(request.names);
    const changes = sensorChanges(this.poll, {
      isWanted: ({ name }) =>
        names.size > 0 ? names.has(name) : request.includeDrills || !isDrillSensor(name),
      heartbeatIntervalMs: this.config.heartbeatIntervalMs,
      signal: context.signal,
    });
    for await (const sensor of changes)
      yield sensor === undefined
        ? { event: { $case: "heartbeat", heartbeat: { time: toTimestamp(this.ports.now()) } } }
        : { event: { $case: "sensor", sensor: toWireSensor(sensor) } };
  }
}
