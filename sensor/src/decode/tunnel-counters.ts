import type { DecodedPacket } from "./decoded-packet.js";
import { TunnelFault, tunnelFaultNames, tunnelKindNames } from "./tunnel-kind.js";

/** Counts packets in tunnels by kind, and by the reason why their inside was not decoded. */
export class TunnelCounters {
  private readonly kinds = new Float64Array(tunnelKindNames.length);
  private readonly faults = new Float64Array(tunnelFaultNames.length);

  /** Counts one packet whose `tunnels` are not 0, whatever its result. */
  count(packet: DecodedPacket): void {
    for (let kind = 0; kind < this.kinds.length; kind++) this.kinds[kind] += (packet.tunnels >>> kind) & 1;
    this.faults[packet.tunnelFault]++;
  }

  /** Adds every counter to `counters`: `tunnels_<kind>` and `tunnel_faults_<reason>`. */
  addTo(counters: Record<string, number>): void {
    for (const [kind, name] of tunnelKindNames.entries()) counters[`tunnels_${name}`] = this.kinds[kind];
    for (const [fault, name] of tunnelFaultNames.entries()) {
      if (fault !== TunnelFault.none) counters[`tunnel_faults_${name}`] = this.faults[fault];
    }
  }
}
