import type { SensorRecord } from "@picket/correlator/sensors/sensor-registry.js";

/** Where an embedded Picket gets its flows from: the live meter, or the demo. */
export interface EmbeddedSource {
  /** One phrase for a person: "eth0", "8 virtual sensors". */
  readonly name: string;
  /** Throws PicketError when it can never deliver. */
  start(): Promise<void>;
  /** Ends its flows and hands over the last batches. */
  stop(): Promise<void>;
  /** What each of its sensors says of itself now. */
  status(nowMs: number): SensorRecord[];
}
