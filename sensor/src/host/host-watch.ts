import { ownAddressWords } from "../capture/live-own-addresses.js";
import type { HostView } from "../metering/host-view.js";
import { ListeningPorts } from "../metering/listening-ports.js";
import { ListeningSockets } from "./listening-sockets.js";
import { LookTimer } from "./look-timer.js";

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
  private readonly addressTimer: LookTimer;
  private readonly socketTimer: LookTimer;
  private addresses = new Uint32Array(0);
  private isListeningKnown = false;

  /** `elapsedMs`: a clock that is never set. */
  constructor(
    private readonly view: HostView,
    elapsedMs: () => number = () => performance.now(),
  ) {
    this.addressTimer = new LookTimer(intervalMinUs, intervalMaxUs, elapsedMs);
    this.socketTimer = new LookTimer(intervalMinUs, intervalMaxUs, elapsedMs);
  }

  /** Gauges: names end in `_live`. */
  get counters(): Record<string, number> {
    return {
      own_addresses_live: this.addresses.length / 4,
      listening_ports_live: this.sockets.servicePorts,
      listening_known_live: this.isListeningKnown ? 1 : 0,
      host_refresh_cost_us_live: Math.round(this.addressTimer.costUs + this.socketTimer.costUs),
    };
  }

  /** Looks when it is time, at the sockets also when the addresses are new; `nowUs` as the packets' times. */
  refreshIfDue(nowUs: number): void {
    let isChanged = false;
    if (this.addressTimer.isDue(nowUs, restShare))
      this.addressTimer.look(nowUs, () => (isChanged = this.refreshAddresses()));
    const share = this.view.isLookWanted ? wantedRestShare : restShare;
    if (isChanged || this.socketTimer.isDue(nowUs, share))
      this.socketTimer.look(nowUs, () => this.refreshSockets(nowUs));
  }

  /** Whether they are others than before. */
  private refreshAddresses(): boolean {
    let words: Uint32Array<ArrayBuffer>;
    try {
      words = ownAddressWords();
    } catch {
      // The system does not tell at the moment: those known before stay.
      return false;
    }
    if (words.length === this.addresses.length && words.every((word, i) => word === this.addresses[i]))
      return false;
    this.addresses = words;
    this.view.setAddresses(words);
    return true;
  }

  private refreshSockets(nowUs: number): void {
    this.view.isLookWanted = false;
    this.isListeningKnown = this.sockets.read(this.ports, nowUs);
    this.view.setListening(this.isListeningKnown ? this.ports : undefined);
  }
}
