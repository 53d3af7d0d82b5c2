import type { SensorCounters } from "../capture/live-settings.js";
import { readHostNetworks, type ReadNetworks } from "./read-host-networks.js";

/** Networks change seldom, and a long table of routes takes milliseconds. */
const intervalMs = 10_000;

/** Networks that a warning names. */
const namedMax = 8;

/** Knows the networks around this host, and warns of those that are too wide to tell. */
export class NetworkWatch {
  #networks: ReadNetworks = { link: [], routed: [], wide: [], leftOut: 0, tablesCut: 0 };
  #readMs = Number.NEGATIVE_INFINITY;

  /** `elapsedMs`: a clock that is never set. */
  constructor(
    private readonly warn: (line: string) => void,
    private readonly read: () => ReadNetworks = readHostNetworks,
    private readonly elapsedMs: () => number = () => performance.now(),
  ) {}

  /** As they are now, or were up to ten seconds ago. */
  get networks(): ReadNetworks {
    if (this.elapsedMs() - this.#readMs >= intervalMs) this.#readAgain();
    return this.#networks;
  }

  /** Gauges: names end in `_live`. */
  get counters(): SensorCounters {
    const { link, routed, wide, leftOut, tablesCut } = this.networks;
    return {
      networks_live: link.length + routed.length,
      networks_wide_live: wide.length,
      networks_left_out_live: leftOut,
      route_tables_cut_live: tablesCut,
    };
  }

  #readAgain(): void {
    const before = wideText(this.#networks);
    this.#readMs = this.elapsedMs();
    this.#networks = this.read();
    const wide = wideText(this.#networks);
    if (wide !== before && wide !== "")
      this.warn(`too wide to be told as inside: ${wide}; name the homeNetworks in the policy`);
  }
}

function wideText({ wide }: ReadNetworks): string {
  return wide.slice(0, namedMax).join(" ");
}
