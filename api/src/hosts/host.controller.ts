import { Controller, Inject } from "@nestjs/common";
import { MessagePattern, Payload, Transport } from "@nestjs/microservices";
import { formatAddressKey } from "@picket/correlator/windows/address-key.js";
import { addressKeyOfText } from "@picket/correlator/windows/address-text.js";
import * as wire from "@picket/proto/generated/picket/v1/host.js";
import { PicketError } from "@picket/proto/picket-error.js";
import { invalidField } from "../grpc/grpc-error.js";
import { apiPorts, type ApiPorts } from "../ports.js";
import { toWireHostProfile } from "./host-mapper.js";

/** picket.v1.HostService. */
@Controller()
export class HostController {
  constructor(@Inject(apiPorts) private readonly ports: ApiPorts) {}

  @MessagePattern(wire.HostServiceService.getHostProfile.path, Transport.GRPC)
  async getHostProfile(@Payload() request: wire.GetHostProfileRequest): Promise<wire.HostProfile> {
    const key = addressKeyOfText(request.address);
    if (key === undefined) throw invalidField("address", "must be an address, for example 10.0.0.7");
    const address = formatAddressKey(key);
    const [stored] = await this.ports.profiles.read([key]);
    if (stored === undefined)
      throw new PicketError("NOT_FOUND", `address: nothing is known of ${address}`, { field: "address" });
    return toWireHostProfile(address, stored.current);
  }
}
