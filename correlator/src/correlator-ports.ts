import type { FindingBoard, IncidentStore } from "./incidents/incident-store.js";
import type { Leases } from "./incidents/leases.js";
import type { RebuildGate } from "./rebuild/rebuild-ledger.js";
import type { HostProfileStore } from "./profiles/host-profile-store.js";
import type { GapLedger } from "./sensors/gap-ledger.js";
import type { SensorRegistry } from "./sensors/sensor-registry.js";
import type { WindowStore } from "./windows/window-store.js";

/** Everything a correlator works on, behind ports. */
export interface CorrelatorPorts {
  readonly windows: WindowStore;
  readonly board: FindingBoard;
  readonly leases: Leases;
  readonly incidents: IncidentStore;
  readonly sensors: SensorRegistry;
  /** Absent where no gap can be reported. */
  readonly gaps?: GapLedger;
  /** Absent where nothing is kept of what is usual for a host. */
  readonly profiles?: HostProfileStore;
  /** Absent where windows cannot be lost. */
  readonly rebuild?: RebuildGate;
}
