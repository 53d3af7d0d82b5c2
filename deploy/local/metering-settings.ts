import type { Policy } from "@picket/correlator/policy/policy.js";
import { notesSettings } from "@picket/sensor/notes/notes-settings.js";
import type { SensorPipelineSettings } from "@picket/sensor/pipeline.js";

/** The policy's sensor part as the meter takes it: microseconds. */
export function meteringSettings(policy: Policy): SensorPipelineSettings {
  return {
    activeTimeoutUs: policy.sensor.activeTimeoutMs * 1000,
    idleTimeoutUs: policy.sensor.idleTimeoutMs * 1000,
    holdTimeoutUs: policy.sensor.holdTimeoutMs * 1000,
    notes: notesSettings(policy.sensor.hostNames, policy.sensor.hostNamesPerSecond),
  };
}
