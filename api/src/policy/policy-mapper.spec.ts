import { policySchema } from "@picket/correlator/policy/policy.js";
import { defaultPolicy, defaultPolicyRevision } from "@picket/correlator/policy/policy.js";
import { Policy } from "@picket/proto/generated/picket/v1/policy.js";
import { describe, expect, it } from "vitest";
import { fromWirePolicy, parsePolicy, toWirePolicy } from "./policy-mapper.js";

describe("a policy as an API message", () => {
  it("carries every setting of the schema there and back", () => {
    const policy = policySchema.parse({
      homeNetworks: ["10.0.0.0/8", "fd00::/8"],
      scan: { crowdSourcesMin: 9, peerToPeerPorts: [6881] },
      burst: { zMin: 7 },
      incident: { sessionGapHours: 2 },
      sensor: { filter: "not port 22", snapLengthBytes: 128 },
    });
    const bytes = Policy.encode(toWirePolicy({ ...defaultPolicyRevision, policy })).finish();
    expect(fromWirePolicy(Policy.decode(bytes))).toEqual(policy);
  });

  it("has a field in the proto for every setting of the schema", () => {
    const wire = toWirePolicy(defaultPolicyRevision);
    const decoded = Policy.decode(Policy.encode(wire).finish());
    expect(decoded).toEqual(wire);
    for (const group of ["scan", "burst", "incident", "sensor"] as const) {
      expect(decoded[group]).toEqual(defaultPolicy[group]);
    }
  });

  it("means the defaults where it is empty", () => {
    expect(fromWirePolicy(Policy.create({}))).toEqual(defaultPolicy);
    expect(fromWirePolicy(Policy.create({ scan: {} }))).toEqual(defaultPolicy);
  });

  it.each([
    [{ scan: { crowdSourcesMin: 2.5 } }, "scan.crowd_sources_min: must be a whole number"],
    [{ scan: { crowdSourcesMin: "5" } }, "scan.crowd_sources_min: must be a number"],
    [{ scan: [] }, "scan: must be an object"],
    [{ scam: {} }, "scam: is not a field of the policy"],
    [{ sensor: { filter: 7 } }, "sensor.filter: must be a string"],
    [{ homeNetworks: ["x".repeat(65)] }, "home_networks[0]: must be at most 64 characters long"],
    [
      { homeNetworks: Array.from({ length: 1025 }, () => "::/0") },
      "home_networks: must be at most 1024 entries long",
    ],
    [{ homeNetworks: ["fe80::1%eth0/64"] }, "home_networks[0]: must be a CIDR block, for example 10.0.0.0/8"],
    [{ homeNetworks: ["10/8"] }, "home_networks[0]: must be a CIDR block, for example 10.0.0.0/8"],
    [7, "policy: must be an object"],
  ])("is refused with the field that is wrong: %j", (settings, message) => {
    expect(() => parsePolicy(settings)).toThrow(message);
  });
});
