import { Admission } from "./admission.js";
import { EmergencyCounters } from "./emergency-counters.js";
import type { EmergencySettings } from "./emergency-settings.js";
import type { FlowRecordSink } from "./flow-record-sink.js";
import type { HostView } from "./host-view.js";

/** Shares of the table: fuller than this it is an emergency, and it lasts until it is emptier than that. */
const enterShare = 0.9;
const leaveShare = 0.7;
/** Refused packets a second, as a share of the table, that keep it going. */
const busyShare = 1 / 64;
const secondUs = 1_000_000;

/**
 * The state of a table that is nearly full: from 90 % on flows without an
 * answer are given less time and new ones must pass the admission. It is over
 * when the table was less than 70 % full and hardly anything was refused for
 * `quietUs`.
 */
export class Emergency {
  readonly counters = new EmergencyCounters();
  readonly admission: Admission;
  isActive = false;
  private readonly enterFlows: number;
  private readonly leaveFlows: number;
  private readonly busyPackets: number;
  private enteredUs = 0;
  private busyUs = 0;
  private secondStartUs = 0;
  private secondPackets = 0;

  constructor(
    private readonly settings: EmergencySettings,
    flowsMax: number,
    seed: number,
    host: HostView,
    sink: FlowRecordSink,
  ) {
    this.enterFlows = Math.ceil(flowsMax * enterShare);
    this.leaveFlows = Math.floor(flowsMax * leaveShare);
    this.busyPackets = Math.max(16, flowsMax * busyShare);
    this.admission = new Admission(settings, seed, host, sink, this.counters);
  }

  /** A flow was opened: true when it begins with it. */
  enters(flowsLive: number, nowUs: number): boolean {
    if (this.isActive || flowsLive < this.enterFlows) return false;
    this.isActive = true;
    this.counters.entered++;
    this.enteredUs = this.busyUs = this.secondStartUs = nowUs;
    this.secondPackets = this.admission.packetsRefused;
    return true;
  }

  /** Moves time while it is active: true when it is over. */
  leaves(flowsLive: number, nowUs: number): boolean {
    const { admission, counters } = this;
    admission.advance(nowUs);
    counters.durationUs += Math.max(0, nowUs - this.enteredUs);
    this.enteredUs = nowUs;
    if (this.isBusy(flowsLive, nowUs)) this.busyUs = nowUs;
    if (Math.abs(nowUs - this.busyUs) < this.settings.quietUs) return false;
    this.end();
    return true;
  }

  /** Ends it, if it is active, and writes the records of what was refused. */
  end(): void {
    if (!this.isActive) return;
    this.isActive = false;
    this.counters.left++;
    this.admission.flush();
  }

  private isBusy(flowsLive: number, nowUs: number): boolean {
    if (flowsLive > this.leaveFlows) return true;
    if (Math.abs(nowUs - this.secondStartUs) < secondUs) return false;
    const packets = this.admission.packetsRefused;
    const isBusy = packets - this.secondPackets > this.busyPackets;
    this.secondStartUs = nowUs;
    this.secondPackets = packets;
    return isBusy;
  }
}
