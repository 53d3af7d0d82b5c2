import { CapSource } from "./cap-source.js";
import type { LiveClock } from "./live-clock.js";
import type { CaptureBackend, CaptureChoice, MeterSettings, SensorCounters } from "./live-settings.js";
import type { PacketSource } from "./packet-source.js";
import { ringRetireMs, RingSource } from "./ring-source.js";

/** A source of live packets and what is particular about it. */
export interface LiveBackend {
  readonly source: PacketSource;
  /** Packets are delivered up to this long after their time stamp. */
  readonly lagUs: number;
  /** Packets wait that are older than that. */
  isBehind(): boolean;
  /** What it counts beyond the source's own counters. */
  counters(): SensorCounters;
}

/** Backends in the order they are tried: the ring loses nothing and costs least. */
export function backendsFor(choice: CaptureChoice): readonly CaptureBackend[] {
  return choice === "auto" ? ["ring", "cap"] : [choice];
}

/** Throws PicketError CAPTURE_FAILED where the ring's addon is missing. */
export function newBackend(backend: CaptureBackend, settings: MeterSettings, clock: LiveClock): LiveBackend {
  if (backend === "ring") return newRing(settings);
  const source = new CapSource({ ...settings, clock });
  return {
    source,
    lagUs: 0,
    isBehind: () => false,
    // What the kernel drops npm cap does not say.
    counters: () => ({ packets_captured: source.counters.packetsReceived }),
  };
}

function newRing(settings: MeterSettings): LiveBackend {
  const source = new RingSource(settings);
  return {
    source,
    lagUs: 2 * ringRetireMs * 1000,
    isBehind: () => source.isBehind,
    counters() {
      const { packetsReceived, packetsDropped, recordsCorrupt } = source.counters;
      return {
        packets_captured: packetsReceived,
        packets_dropped_kernel: packetsDropped,
        ring_freezes: source.freezes,
        ring_records_corrupt: recordsCorrupt,
      };
    },
  };
}
