import { defaultPolicy } from "@picket/correlator/policy/policy.js";
import { describe, expect, it } from "vitest";
import { applyAssignments } from "./policy-settings.js";

describe("assignments to a policy", () => {
  it("take numbers, lists, switches and text, in camel or snake case", () => {
    const policy = applyAssignments(defaultPolicy, [
      "scan.crowd_sources_min=4",
      "scan.peerToPeerPorts=6881, 6882",
      "sensor.hostNames=false",
      "sensor.filter=not port 22",
    ]);
    expect(policy.scan).toMatchObject({ crowdSourcesMin: 4, peerToPeerPorts: [6881, 6882] });
    expect(policy.sensor).toMatchObject({ hostNames: false, filter: "not port 22" });
    expect(applyAssignments(policy, ["sensor.host_names=default"]).sensor.hostNames).toBe(true);
  });

  it.each(["sensor.hostNames=maybe", "sensor.hostNamesPerSecond=0", "sensor.nothing=1", "sensor.hostNames"])(
    "refuse %s",
    (assignment) => {
      expect(() => applyAssignments(defaultPolicy, [assignment])).toThrow();
    },
  );
});
