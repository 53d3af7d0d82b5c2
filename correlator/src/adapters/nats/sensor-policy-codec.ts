import { Policy } from "@picket/proto/generated/picket/v1/policy.js";
import type { PolicyRevision } from "../../policy/policy.js";

/** A sensor's slice of the policy: proto3 JSON of picket.v1.Policy with revision and sensor settings, nothing else. */
export function encodeSensorSlice({ revision, policy }: PolicyRevision): string {
  return JSON.stringify(
    Policy.toJSON(Policy.fromPartial({ revision: BigInt(revision), sensor: policy.sensor })),
  );
}
