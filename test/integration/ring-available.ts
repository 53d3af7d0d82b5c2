import { loadRingBinding } from "@picket/sensor/capture/ring-binding.js";
import { canUseNamespaces } from "./sensor-harness.js";

/** Why the ring cannot be tested here, in one line; undefined when it can. */
export const missingRing = missingReason();

function missingReason(): string | undefined {
  if (!canUseNamespaces) return "needs root for network namespaces";
  try {
    loadRingBinding();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
