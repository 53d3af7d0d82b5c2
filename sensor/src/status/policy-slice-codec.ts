import { Policy } from "@picket/proto/generated/picket/v1/policy.js";
import type { PolicySlice } from "./policy-slice.js";

/** Reads a slice from proto3 JSON of `picket.v1.Policy`; undefined for anything else. */
export function decodePolicySlice(text: string): PolicySlice | undefined {
  const policy = parse(text);
  if (policy === undefined) return undefined;
  const sensor = policy.sensor ?? {};
  return {
    revision: Number(policy.revision),
    activeTimeoutMs: sensor.activeTimeoutMs,
    idleTimeoutMs: sensor.idleTimeoutMs,
    holdTimeoutMs: sensor.holdTimeoutMs,
    filter: sensor.filter,
    snapLengthBytes: sensor.snapLengthBytes,
    hostNames: sensor.hostNames,
    hostNamesPerSecond: sensor.hostNamesPerSecond,
  };
}

function parse(text: string): Policy | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null ? Policy.fromJSON(json) : undefined;
  } catch {
    return undefined;
  }
}
