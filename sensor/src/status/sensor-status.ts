import type { SensorCounters } from "../capture/live-settings.js";

/** How a sensor does, as its heartbeat says. */
export interface SensorStatus {
  /** 16 bytes. */
  readonly epoch: Uint8Array;
  readonly version: string;
  /** Microseconds since the Unix epoch. */
  readonly timeUs: number;
  readonly startedUs: number;
  readonly host: string;
  readonly interfaces: readonly string[];
  readonly hostAddresses: readonly string[];
  /** CIDR blocks, as `HostNetworks`. */
  readonly linkNetworks: readonly string[];
  readonly routedNetworks: readonly string[];
  readonly state: "running" | "degraded" | "waiting" | "stopped";
  /** One line when the state is not running. */
  readonly detail: string;
  readonly counters: SensorCounters;
  readonly policyRevision: number;
  readonly packetsPerSecond: number;
}

/** Packets a second between two looks at a counter. */
export class PacketRate {
  #packets = 0;
  #atUs = 0;

  /** The rate since the last call; 0 the first time. */
  next(packets: number, nowUs: number): number {
    const seconds = (nowUs - this.#atUs) / 1e6;
    const rate = this.#atUs === 0 || seconds <= 0 ? 0 : Math.max(0, packets - this.#packets) / seconds;
    this.#packets = packets;
    this.#atUs = nowUs;
    return rate;
  }
}

/** Waiting beats degraded: who does not capture has nothing to lose. */
export function stateOf(
  waitingReason: string | undefined,
  fault: string | undefined,
): Pick<SensorStatus, "state" | "detail"> {
  if (waitingReason !== undefined) return { state: "waiting", detail: waitingReason };
  if (fault !== undefined) return { state: "degraded", detail: fault };
  return { state: "running", detail: "" };
}
