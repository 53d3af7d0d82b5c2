import { readFileSync } from "node:fs";
import { ReflectionService } from "@grpc/reflection";
import { loadFileDescriptorSetFromBuffer, loadSync } from "@grpc/proto-loader";
import type { Server } from "@grpc/grpc-js";
import { HealthImplementation, protoPath as healthProtoPath } from "grpc-health-check";
import { PicketError } from "@picket/proto/picket-error.js";

/** Written by `buf build` when the proto project is generated. */
const descriptorUrl = new URL("../../../proto/descriptor.binpb", import.meta.url);

/** Health of every service (grpc.health.v1) and reflection (v1 and v1alpha). */
export class StandardServices {
  private readonly health: HealthImplementation;
  private readonly reflection: ReflectionService;

  /**
   * @param names full names of the services that are served.
   * Throws PicketError FILE_UNREADABLE when the descriptor set was not built.
   */
  constructor(private readonly names: readonly string[]) {
    this.health = new HealthImplementation();
    const definition = { ...loadDescriptors(), ...loadSync(healthProtoPath) };
    this.reflection = new ReflectionService(definition, { services: [...names, "grpc.health.v1.Health"] });
  }

  addTo(server: Server): void {
    this.health.addToServer(server);
    this.reflection.addToServer(server);
  }

  /** The empty name stands for the whole server. */
  setServing(isServing: boolean): void {
    for (const name of ["", ...this.names])
      this.health.setStatus(name, isServing ? "SERVING" : "NOT_SERVING");
  }
}

function loadDescriptors(): ReturnType<typeof loadFileDescriptorSetFromBuffer> {
  try {
    return loadFileDescriptorSetFromBuffer(readFileSync(descriptorUrl));
  } catch (error) {
    throw new PicketError("FILE_UNREADABLE", `cannot read ${descriptorUrl.pathname}: run npm run build`, {
      cause: error,
    });
  }
}
