import { MemoryFindingBoard } from "@picket/correlator/adapters/memory/memory-finding-board.js";
import { MemoryIncidentStore } from "@picket/correlator/adapters/memory/memory-incident-store.js";
import { MemoryLeases } from "@picket/correlator/adapters/memory/memory-leases.js";
import { MemorySensorRegistry } from "@picket/correlator/adapters/memory/memory-sensor-registry.js";
import { MemoryWindowStore } from "@picket/correlator/adapters/memory/memory-window-store.js";
import type { CorrelatorPorts } from "@picket/correlator/pipeline.js";

/** Fresh ports in memory, shared by the correlators of one run. */
export function memoryPorts(): CorrelatorPorts {
  return {
    windows: new MemoryWindowStore(),
    board: new MemoryFindingBoard(),
    leases: new MemoryLeases(),
    incidents: new MemoryIncidentStore(),
    sensors: new MemorySensorRegistry(),
  };
}
