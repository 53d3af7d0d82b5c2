import { FlowEndReason, Outcome, StealthKind } from "@picket/proto/batch/flow-columns.js";
import { IpProtocol } from "../decode/ip-protocol.js";
import type { FlowNotes } from "../notes/flow-notes.js";
import { FlowDeadlines } from "./flow-deadlines.js";
import {
  awaitsReply,
  flowDoublesShift,
  flowWordsShift,
  hashAt,
  initiatorShift,
  lastUsAt,
  markUsAt,
  noContactBit,
  outcomeShift,
  Phase,
  phaseMask,
  phaseShift,
  protocolMask,
  recordUsAt,
  reportedBit,
  seenBit,
  startUsAt,
  stateAt,
  stealthShift,
  threeBits,
} from "./flow-layout.js";
import type { FlowRecords } from "./flow-records.js";
import type { FlowTable } from "./flow-table.js";
import type { MeteringCounters } from "./metering-counters.js";
import type { MeteringSettings } from "./metering-settings.js";
import type { ObservationView } from "./observation-view.js";
import { TimerWheel } from "./timer-wheel.js";

/** A packet this much older than the newest is a clock set back, not reordering. */
export const clockStepUs = 10_000_000;

/**
 * What becomes of a flow once it is in the table: outcomes that are reached,
 * silence that is judged, records that are due, the end. It holds the time of
 * metering and the timers of all flows.
 */
export class FlowLifecycle {
  /** Time of the newest packet or `advance`. */
  nowUs = Number.NEGATIVE_INFINITY;
  /** Before this time no timer is due. */
  nextTickUs = Number.NEGATIVE_INFINITY;
  /** While the table is nearly full, flows without an answer are given less time. */
  readonly deadlines: FlowDeadlines;
  private readonly timers: TimerWheel;
  private hand = 0;

  constructor(
    private readonly settings: MeteringSettings,
    private readonly flows: FlowTable,
    private readonly view: ObservationView,
    private readonly records: FlowRecords,
    private readonly notes: FlowNotes,
    private readonly counters: MeteringCounters,
  ) {
    this.deadlines = new FlowDeadlines(flows, settings);
    this.timers = new TimerWheel(settings.tableFlowsMax);
  }

  /** Moves time forward and reports what is due; false, and nothing happens, for an earlier time. */
  advance(timeUs: number): boolean {
    if (timeUs < this.nowUs) {
      this.stepBack(timeUs);
      return false;
    }
    if (this.flows.length === 0) this.timers.restart(timeUs);
    this.nowUs = timeUs;
    for (let slot = this.timers.takeDue(timeUs); slot !== -1; slot = this.timers.takeDue(timeUs))
      this.fire(slot);
    this.nextTickUs = this.timers.nextTickUs;
    return true;
  }

  /** Reordering does not move time; a clock set back does, and the flows stay. */
  stepBack(timeUs: number): void {
    if (this.nowUs - timeUs < clockStepUs) return;
    this.counters.clockStepsBack++;
    this.nowUs = timeUs;
    this.timers.restart(timeUs);
    this.nextTickUs = this.timers.nextTickUs;
  }

  /** Reports every live flow and empties the table; see FlowMeter. */
  finish(endUs: number): void {
    for (let slot = this.timers.takeAny(); slot !== -1; slot = this.timers.takeAny()) {
      const phase = this.phaseOf(slot);
      const isWaiting = phase !== Phase.synAnswered && Number.isFinite(this.deadlines.holdEndUs(slot));
      if (isWaiting && !Number.isFinite(endUs)) this.judgeSilence(slot, FlowEndReason.forcedEnd);
      this.close(slot, phase === Phase.ended ? FlowEndReason.endDetected : FlowEndReason.forcedEnd);
    }
    this.nowUs = Number.NEGATIVE_INFINITY;
    this.nextTickUs = Number.NEGATIVE_INFINITY;
  }

  /** Looks at the next flows of the table as if their timers went off: timeouts became shorter. */
  sweep(slots: number): void {
    const { flowsMax } = this.flows;
    for (let i = Math.min(slots, flowsMax); i > 0; i--) {
      const slot = this.hand;
      this.hand = slot + 1 === flowsMax ? 0 : slot + 1;
      if (!this.timers.isSet(slot)) continue;
      const { nowUs, deadlines } = this;
      if (Math.min(deadlines.holdEndUs(slot), deadlines.endUs(slot)) > nowUs) continue;
      this.timers.cancel(slot);
      this.fire(slot);
    }
  }

  /** Looks at a flow again when the next of its times comes. */
  watch(slot: number): void {
    this.timers.set(slot, this.deadlines.nextUs(slot));
  }

  /** The same for every flow: timeouts have changed. */
  watchAll(): void {
    for (let slot = 0; slot < this.flows.flowsMax; slot++) if (this.timers.isSet(slot)) this.watch(slot);
  }

  /** Raises the outcome of a flow; a failed one (with `endReason`) and an upgrade are reported at once. */
  reach(slot: number, outcome: number, endReason: FlowEndReason): void {
    const { words } = this.flows;
    const at = slot << flowWordsShift;
    const state = words[at + stateAt];
    if (outcome <= ((state >>> outcomeShift) & threeBits) || (state & noContactBit) !== 0) {
      this.watch(slot);
      return;
    }
    words[at + stateAt] = (state & ~(threeBits << outcomeShift)) | (outcome << outcomeShift);
    const isEnded = this.phaseOf(slot) === Phase.ended;
    if (outcome === Outcome.answered) {
      this.setMark(slot);
      if (!isEnded && awaitsReply((state >>> phaseShift) & phaseMask)) this.setPhase(slot, Phase.counting);
      if ((words[at + stateAt] & (seenBit << (1 - ((state >>> initiatorShift) & 1)))) === 0)
        this.view.noteOneSided(words, at);
      if ((state & reportedBit) !== 0) this.records.report(slot, this.nowUs, false, FlowEndReason.open);
    } else {
      this.records.report(slot, this.nowUs, true, endReason);
    }
    this.watch(slot);
  }

  /** The last record of a flow, and its place is free. */
  close(slot: number, endReason: FlowEndReason): void {
    const phase = this.phaseOf(slot);
    if (phase === Phase.established || phase === Phase.midStream)
      this.view.noteConnection(this.flows.words[(slot << flowWordsShift) + hashAt]);
    this.records.finalReport(slot, endReason);
    this.timers.cancel(slot);
    this.notes.close(slot);
    this.flows.remove(slot);
    this.counters.flowsClosed++;
  }

  phaseOf(slot: number): number {
    return (this.flows.words[(slot << flowWordsShift) + stateAt] >>> phaseShift) & phaseMask;
  }

  setPhase(slot: number, phase: number): void {
    const { words } = this.flows;
    const stateIndex = (slot << flowWordsShift) + stateAt;
    words[stateIndex] = (words[stateIndex] & ~(phaseMask << phaseShift)) | (phase << phaseShift);
  }

  /** From now on the flow waits for an answer, or has one. */
  setMark(slot: number): void {
    this.flows.doubles[(slot << flowDoublesShift) + markUsAt] = this.nowUs;
  }

  /** A packet older than the flow's last: out of order, or after the clock was set back. */
  placeEarlier(slot: number, timeUs: number): void {
    const { words, doubles } = this.flows;
    const doublesAt = slot << flowDoublesShift;
    const isReported = (words[(slot << flowWordsShift) + stateAt] & reportedBit) !== 0;
    // The start that was reported stays.
    if (!isReported && timeUs < doubles[doublesAt + startUsAt]) doubles[doublesAt + startUsAt] = timeUs;
    if (doubles[doublesAt + lastUsAt] - timeUs < clockStepUs) return;
    doubles[doublesAt + lastUsAt] = timeUs;
    doubles[doublesAt + markUsAt] = Math.min(doubles[doublesAt + markUsAt], timeUs);
    doubles[doublesAt + recordUsAt] = Math.min(doubles[doublesAt + recordUsAt], timeUs);
    this.watch(slot);
  }

  /** The hold time of a contact passed without an answer. */
  private judgeSilence(slot: number, endReason: FlowEndReason): void {
    const { words } = this.flows;
    const at = slot << flowWordsShift;
    const phase = this.phaseOf(slot);
    if (phase === Phase.synAnswered) this.reach(slot, Outcome.halfOpen, endReason);
    else if (phase === Phase.stealth && this.isAckOfOneSidedPair(at)) {
      words[at + stateAt] &= ~(threeBits << stealthShift);
      this.setPhase(slot, Phase.midStream);
      this.watch(slot);
    } else this.reach(slot, Outcome.ignored, endReason);
  }

  /** Silence says nothing about a bare ACK where replies of the pair pass elsewhere. */
  private isAckOfOneSidedPair(at: number): boolean {
    const { words } = this.flows;
    const kind = (words[at + stateAt] >>> stealthShift) & threeBits;
    return kind === StealthKind.ack && this.view.isOneSided(words, at);
  }

  /** Looks at a flow whose timer went off: reports, ends it, or sets the timer again. */
  private fire(slot: number): void {
    const { nowUs, deadlines } = this;
    if (this.phaseOf(slot) === Phase.ended) {
      if (deadlines.endUs(slot) <= nowUs) this.close(slot, FlowEndReason.endDetected);
      else this.watch(slot);
      return;
    }
    if (deadlines.holdEndUs(slot) <= nowUs) this.judgeSilence(slot, FlowEndReason.idleTimeout);
    if (deadlines.endUs(slot) <= nowUs) {
      this.close(slot, FlowEndReason.idleTimeout);
      return;
    }
    if (deadlines.shortEndUs(slot) <= nowUs) this.reportAnswered(slot);
    else if (deadlines.activeEndUs(slot) <= nowUs) this.reportActive(slot);
    this.watch(slot);
  }

  private reportAnswered(slot: number): void {
    const lastUs = this.flows.doubles[(slot << flowDoublesShift) + lastUsAt];
    const isSilent = lastUs + this.settings.shortFlowUs <= this.nowUs;
    const isOver = isSilent && this.protocolOf(slot) !== IpProtocol.tcp;
    this.records.report(slot, this.nowUs, isOver, isOver ? FlowEndReason.idleTimeout : FlowEndReason.open);
  }

  private reportActive(slot: number): void {
    if (this.records.hasPackets(slot))
      this.records.report(slot, this.nowUs, false, FlowEndReason.activeTimeout);
    else this.flows.doubles[(slot << flowDoublesShift) + recordUsAt] = this.nowUs;
  }

  private protocolOf(slot: number): number {
    return this.flows.words[(slot << flowWordsShift) + stateAt] & protocolMask;
  }
}
