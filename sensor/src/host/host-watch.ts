import { ownAddressWords } from "../capture/live-own-addresses.js";
import type { HostView } from "../metering/host-view.js";
import { ListeningPorts } from "../metering/listening-ports.js";
import { ListeningSockets } from "./listening-sockets.js";

const intervalMinUs = 1_000_000;
const intervalMaxUs = 10_000_000;
/** Least time between two looks, in times of what a look costs: 0.1 % of a core, 0.5 % when one is wanted. */
const restShare = 1000;
const wantedRestShare = 200;

/**
 * Keeps a view of the host current: its addresses and its open ports, read
 * again every one to ten seconds, by what that costs. (The kernel walks its
 * whole table of connections for a list of TCP sockets: 4 ms for 262,144 places,
 * used or not.) A contact that was ignored can only be called closed by a look
 * after it began, so that looks are more frequent while there are such contacts.
 */
export class HostWatch {
  private readonly ports = new ListeningPorts();
  private readonly sockets = new ListeningSockets();
  private addressCount = 0;
  private isListeningKnown = false;
  private costUs = 0;
  private lastUs = Number.NEGATIVE_INFINITY;

  /** `elapsedMs`: a clock that is never set. */
  constructor(
    private readonly view: HostView,
    private readonly elapsedMs: () => number = () => performance.now(),
  ) {}

  /** Gauges: names end in `_live`. */
  get counters(): Record<string, number> {
    return {
      own_addresses_live: this.addressCount,
      listening_ports_live: this.sockets.servicePorts,
      listening_known_live: this.isListeningKnown ? 1 : 0,
      host_refresh_cost_us_live: Math.round(this.costUs),
    };
  }

  /** Looks when it is time; `nowUs` as the packets' times. A clock set back makes it time. */
  refreshIfDue(nowUs: number): void {
    if (nowUs >= this.lastUs && nowUs < this.lastUs + this.intervalUs) return;
    const startMs = this.elapsedMs();
    this.refresh(nowUs);
    this.costUs = 1000 * (this.elapsedMs() - startMs);
    this.lastUs = nowUs;
    this.view.isLookWanted = false;
  }

  private get intervalUs(): number {
    const share = this.view.isLookWanted ? wantedRestShare : restShare;
    return Math.min(intervalMaxUs, Math.max(intervalMinUs, share * this.costUs));
  }

  private refresh(nowUs: number): void {
    this.refreshAddresses();
    this.isListeningKnown = this.sockets.read(this.ports, nowUs);
    this.view.setListening(this.isListeningKnown ? this.ports : undefined);
  }

  private refreshAddresses(): void {
    try {
      const words = ownAddressWords();
      this.addressCount = words.length / 4;
      this.view.setAddresses(words);
    } catch {
      // The system does not tell at the moment: those known before stay.
    }
  }
}
