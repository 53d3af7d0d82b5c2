import { Outcome, StealthKind } from "@picket/proto/batch/flow-columns.js";
import {
  flowDoublesShift,
  flowWordsShift,
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
import type { FlowTable } from "./flow-table.js";
import { IpProtocol } from "../decode/ip-protocol.js";
import type { MeteringSettings } from "./metering-settings.js";

const bothSeen = seenBit | (seenBit << 1);
const never = Number.POSITIVE_INFINITY;

/** When time alone changes a flow, from its state and the settings; infinity when it does not. */
export class FlowDeadlines {
  /** Flows without an answer are given less time: the table is nearly full. */
  isShortened = false;

  constructor(
    private readonly flows: FlowTable,
    private readonly settings: MeteringSettings,
  ) {}

  /** When a flow must be looked at next. */
  nextUs(slot: number): number {
    const endUs = this.endUs(slot);
    if (this.isEnded(slot)) return endUs;
    const state = this.state(slot);
    const outcome = (state >>> outcomeShift) & threeBits;
    const reportUs = outcome === Outcome.answered ? this.shortEndUs(slot) : this.holdEndUs(slot);
    return Math.min(endUs, reportUs, this.activeEndUs(slot));
  }

  /** When a flow is over for want of packets. */
  endUs(slot: number): number {
    const { lingerUs, idleTimeoutUs, emergency } = this.settings;
    const lastUs = this.double(slot, lastUsAt);
    if (this.isEnded(slot)) return lastUs + lingerUs;
    const isShort = this.isShortened && this.isUnanswered(slot);
    return lastUs + (isShort ? Math.min(idleTimeoutUs, emergency.idleTimeoutUs) : idleTimeoutUs);
  }

  /** When silence decides the outcome. */
  holdEndUs(slot: number): number {
    const state = this.state(slot);
    const phase = (state >>> phaseShift) & phaseMask;
    const outcome = (state >>> outcomeShift) & threeBits;
    const isWaiting =
      phase === Phase.synAnswered
        ? outcome < Outcome.halfOpen
        : outcome === 0 && (phase === Phase.synSent || phase === Phase.stealth || phase === Phase.waiting);
    if (!isWaiting || (state & noContactBit) !== 0) return never;
    const holdUs = this.holdUs(state, phase);
    const { emergency } = this.settings;
    const isShort = this.isShortened && holdUs !== never;
    return this.double(slot, markUsAt) + (isShort ? Math.min(holdUs, emergency.holdTimeoutUs) : holdUs);
  }

  /** When an answered flow is reported for the first time. */
  shortEndUs(slot: number): number {
    const state = this.state(slot);
    const isAnswered = ((state >>> outcomeShift) & threeBits) === Outcome.answered;
    if (!isAnswered || (state & reportedBit) !== 0) return never;
    return this.double(slot, markUsAt) + this.settings.shortFlowUs;
  }

  /** When the active timeout asks for a record. */
  activeEndUs(slot: number): number {
    const isReported = (this.state(slot) & reportedBit) !== 0;
    return this.double(slot, isReported ? recordUsAt : startUsAt) + this.settings.activeTimeoutUs;
  }

  private holdUs(state: number, phase: number): number {
    const { holdTimeoutUs, udpHoldTimeoutUs } = this.settings;
    const protocol = state & protocolMask;
    const isAck = phase === Phase.stealth && ((state >>> stealthShift) & threeBits) === StealthKind.ack;
    if (protocol === IpProtocol.tcp) return isAck ? udpHoldTimeoutUs : holdTimeoutUs;
    if (protocol === IpProtocol.udp || protocol === IpProtocol.sctp) return udpHoldTimeoutUs;
    // An ICMP request is asked for an answer; other protocols owe none.
    const isIcmp = protocol === IpProtocol.icmp || protocol === IpProtocol.icmpv6;
    return isIcmp ? holdTimeoutUs : never;
  }

  /** Neither answered nor a connection that was under way before. */
  private isUnanswered(slot: number): boolean {
    const state = this.state(slot);
    const isUnderWay =
      ((state >>> phaseShift) & phaseMask) === Phase.midStream && (state & bothSeen) === bothSeen;
    return !isUnderWay && ((state >>> outcomeShift) & threeBits) !== Outcome.answered;
  }

  private isEnded(slot: number): boolean {
    return ((this.state(slot) >>> phaseShift) & phaseMask) === Phase.ended;
  }

  private state(slot: number): number {
    return this.flows.words[(slot << flowWordsShift) + stateAt];
  }

  private double(slot: number, field: number): number {
    return this.flows.doubles[(slot << flowDoublesShift) + field];
  }
}
