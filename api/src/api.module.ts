import { Module, type DynamicModule } from "@nestjs/common";
import type { ApiConfig } from "./config.js";
import { HostController } from "./hosts/host.controller.js";
import { IncidentController } from "./incidents/incident.controller.js";
import { PolicyController } from "./policy/policy.controller.js";
import { apiConfig, apiPorts, type ApiPorts } from "./ports.js";
import { SensorController } from "./sensors/sensor.controller.js";

/** One controller a service of picket.v1, over the given ports. */
@Module({})
export class ApiModule {
  static over(ports: ApiPorts, config: ApiConfig): DynamicModule {
    return {
      module: ApiModule,
      controllers: [IncidentController, SensorController, PolicyController, HostController],
      providers: [
        { provide: apiPorts, useValue: ports },
        { provide: apiConfig, useValue: config },
      ],
    };
  }
}
