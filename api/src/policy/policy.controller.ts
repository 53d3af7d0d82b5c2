import { Controller, Inject } from "@nestjs/common";
import { MessagePattern, Payload, Transport } from "@nestjs/microservices";
import * as wire from "@picket/proto/generated/picket/v1/policy.js";
import { PicketError } from "@picket/proto/picket-error.js";
import { invalidField } from "../grpc/grpc-error.js";
import { apiPorts, type ApiPorts } from "../ports.js";
import { fromWirePolicy, toWirePolicy } from "./policy-mapper.js";

const { getPolicy, updatePolicy } = wire.PolicyServiceService;

/** picket.v1.PolicyService. */
@Controller()
export class PolicyController {
  constructor(@Inject(apiPorts) private readonly ports: ApiPorts) {}

  @MessagePattern(getPolicy.path, Transport.GRPC)
  async getPolicy(): Promise<wire.Policy> {
    return toWirePolicy(await this.ports.policy.get());
  }

  @MessagePattern(updatePolicy.path, Transport.GRPC)
  async updatePolicy(@Payload() request: wire.UpdatePolicyRequest): Promise<wire.Policy> {
    const message = request.policy;
    if (message === undefined) throw invalidField("policy", "must be given");
    const { etag, author, comment } = message;
    if (etag === "") throw invalidField("etag", "must be the etag that GetPolicy returned");
    if (author.length > 200) throw invalidField("author", "must be at most 200 characters long");
    if (comment.length > 2000) throw invalidField("comment", "must be at most 2000 characters long");
    const policy = fromWirePolicy(message);
    if (request.validateOnly) {
      const current = await this.ports.policy.get();
      if (etag !== current.etag) throw conflict();
      return toWirePolicy({ ...current, author, comment, policy });
    }
    return toWirePolicy(await this.ports.policy.update(policy, etag, author, comment, this.ports.now()));
  }
}

function conflict(): PicketError {
  return new PicketError("CONFLICT", "etag: the policy was changed in the meantime: read it again", {
    field: "etag",
  });
}
