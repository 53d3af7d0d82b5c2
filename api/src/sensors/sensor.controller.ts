import { Controller, Inject } from "@nestjs/common";
import { MessagePattern, Payload, Transport } from "@nestjs/microservices";
import * as wire from "@picket/proto/generated/picket/v1/sensor.js";
import { formatPageToken, parsePageSize, parsePageToken } from "../grpc/page-token.js";
import { apiPorts, type ApiPorts } from "../ports.js";
import { toWireSensor } from "./sensor-mapper.js";

/** picket.v1.SensorService. */
@Controller()
export class SensorController {
  constructor(@Inject(apiPorts) private readonly ports: ApiPorts) {}

  @MessagePattern(wire.SensorServiceService.listSensors.path, Transport.GRPC)
  async listSensors(@Payload() request: wire.ListSensorsRequest): Promise<wire.ListSensorsResponse> {
    const pageSize = parsePageSize(request.pageSize);
    const after = parsePageToken("sensors", request.pageToken)?.id ?? "";
    const rest = (await this.ports.sensors.list(this.ports.now())).filter(({ name }) => name > after);
    const page = rest.slice(0, pageSize);
    const nextPageToken =
      page.length < rest.length
        ? formatPageToken("sensors", { value: 0, id: page[page.length - 1].name })
        : "";
    return { sensors: page.map(toWireSensor), nextPageToken };
  }
}
