import { type FlowEndReason, HostDirection, Outcome, RecordKind } from "@picket/proto/batch/flow-columns.js";
import {
  bytesAt,
  closedBit,
  copyAddress,
  flowDoublesShift,
  flowWordsShift,
  hostDirectionMask,
  hostDirectionShift,
  initiatorShift,
  lastUsAt,
  noContactBit,
  outcomeShift,
  packetsAt,
  portsAt,
  protocolMask,
  recordUsAt,
  reportedBit,
  reportedOutcomeShift,
  seenBit,
  startUsAt,
  stateAt,
  stealthShift,
  tcpFlagsAt,
  threeBits,
} from "./flow-layout.js";
import type { FlowRecordSink } from "./flow-record-sink.js";
import type { FlowTable } from "./flow-table.js";
import type { HostView } from "./host-view.js";
import type { FlowNotes } from "../notes/flow-notes.js";
import { IpProtocol } from "../decode/ip-protocol.js";
import type { MeteringCounters } from "./metering-counters.js";

/**
 * Writes flow records. Counters hold what came since the flow's last record,
 * so those of all its records add up to its totals; start, TCP flags and
 * outcome are the whole flow's so far.
 */
export class FlowRecords {
  /** Addresses of the flow at hand: initiator, responder. */
  private readonly addresses = new Int32Array(8);

  constructor(
    private readonly flows: FlowTable,
    private readonly sink: FlowRecordSink,
    private readonly host: HostView,
    private readonly notes: FlowNotes,
    private readonly counters: MeteringCounters,
  ) {}

  /** A record of a flow that goes on, or is thought over when `isOver` (it may still come back). */
  report(slot: number, nowUs: number, isOver: boolean, endReason: FlowEndReason): void {
    const state = this.flows.words[(slot << flowWordsShift) + stateAt];
    const isReported = (state & reportedBit) !== 0;
    const kind = isReported
      ? isOver
        ? RecordKind.last
        : RecordKind.delta
      : isOver
        ? RecordKind.only
        : RecordKind.first;
    this.write(slot, kind, endReason);
    this.settle(slot, nowUs, isOver);
  }

  /** The record of a flow that leaves the table; none when the last one said all. */
  finalReport(slot: number, endReason: FlowEndReason): void {
    const state = this.flows.words[(slot << flowWordsShift) + stateAt];
    const isReported = (state & reportedBit) !== 0;
    if (isReported && (state & closedBit) !== 0 && !this.hasPackets(slot)) return;
    this.write(slot, isReported ? RecordKind.last : RecordKind.only, endReason);
  }

  /** Packets came since the last record. */
  hasPackets(slot: number): boolean {
    const at = (slot << flowDoublesShift) + packetsAt;
    return this.flows.doubles[at] + this.flows.doubles[at + 1] > 0;
  }

  private write(slot: number, kind: RecordKind, endReason: FlowEndReason): void {
    const { words, doubles } = this.flows;
    const { columns } = this.sink;
    const at = slot << flowWordsShift;
    const doublesAt = slot << flowDoublesShift;
    const state = words[at + stateAt];
    const direction = (state >>> initiatorShift) & 1;
    const row = this.appendRow(at, direction);
    const outcome = (state >>> outcomeShift) & threeBits;
    const reported = (state >>> reportedOutcomeShift) & threeBits;
    this.writeKey(row, at, state, direction);
    columns.outcome[row] = outcome;
    columns.endReason[row] = endReason;
    columns.recordKind[row] = kind;
    columns.stealthKind[row] = (state >>> stealthShift) & threeBits;
    const isOneSided = outcome >= Outcome.halfOpen && (state & (seenBit << (1 - direction))) === 0;
    columns.oneSided[row] = isOneSided ? 1 : 0;
    columns.upgrade[row] = (state & reportedBit) !== 0 && reported !== 0 && outcome > reported ? 1 : 0;
    columns.forwardTcpFlags[row] = words[at + tcpFlagsAt] >>> (direction << 3);
    columns.reverseTcpFlags[row] = words[at + tcpFlagsAt] >>> ((1 - direction) << 3);
    // Only a clock that was set back can put the end before the start.
    columns.startUs[row] = Math.min(doubles[doublesAt + startUsAt], doubles[doublesAt + lastUsAt]);
    columns.endUs[row] = doubles[doublesAt + lastUsAt];
    columns.forwardPackets[row] = doubles[doublesAt + packetsAt + direction];
    columns.reversePackets[row] = doubles[doublesAt + packetsAt + 1 - direction];
    columns.forwardBytes[row] = doubles[doublesAt + bytesAt + direction];
    columns.reverseBytes[row] = doubles[doublesAt + bytesAt + 1 - direction];
    this.writeHost(row, at, state);
    this.notes.write(slot, this.sink, row);
    this.countOutcome(outcome, reported, isOneSided, columns.stealthKind[row]);
    this.sink.filled(row);
  }

  private appendRow(at: number, direction: number): number {
    const { addresses } = this;
    const { words } = this.flows;
    copyAddress(words, at, direction, addresses, 0);
    copyAddress(words, at, 1 - direction, addresses, 4);
    return this.sink.append(
      addresses[0] >>> 0,
      addresses[1] >>> 0,
      addresses[2] >>> 0,
      addresses[3] >>> 0,
      addresses[4] >>> 0,
      addresses[5] >>> 0,
      addresses[6] >>> 0,
      addresses[7] >>> 0,
    );
  }

  private writeKey(row: number, at: number, state: number, direction: number): void {
    const { columns } = this.sink;
    const ports = this.flows.words[at + portsAt];
    const protocol = state & protocolMask;
    const isIcmp = protocol === IpProtocol.icmp || protocol === IpProtocol.icmpv6;
    columns.protocol[row] = protocol;
    columns.sourcePort[row] = isIcmp ? 0 : direction === 0 ? ports >>> 16 : ports & 0xffff;
    columns.destinationPort[row] = direction === 0 ? ports & 0xffff : ports >>> 16;
  }

  /** What the host knows, once addresses, key, outcome and start are there. */
  private writeHost(row: number, at: number, state: number): void {
    const { columns } = this.sink;
    const { words } = this.flows;
    const hostDirection = (words[at + tcpFlagsAt] >>> hostDirectionShift) & hostDirectionMask;
    columns.direction[row] = hostDirection;
    columns.closedPort[row] = 0;
    const isTowardHost = hostDirection === HostDirection.inbound || hostDirection === HostDirection.internal;
    if (!isTowardHost || (state & noContactBit) !== 0) return;
    const isClosed = this.host.isClosedPort(
      this.addresses,
      4,
      columns.destinationPort[row],
      state & protocolMask,
      columns.outcome[row],
      columns.startUs[row],
    );
    columns.closedPort[row] = isClosed ? 1 : 0;
  }

  private settle(slot: number, nowUs: number, isOver: boolean): void {
    const { words, doubles } = this.flows;
    const stateIndex = (slot << flowWordsShift) + stateAt;
    const doublesAt = slot << flowDoublesShift;
    const state = words[stateIndex] & ~((threeBits << reportedOutcomeShift) | closedBit);
    const outcome = (state >>> outcomeShift) & threeBits;
    words[stateIndex] = state | reportedBit | (outcome << reportedOutcomeShift) | (isOver ? closedBit : 0);
    for (let i = 0; i < 4; i++) doubles[doublesAt + packetsAt + i] = 0;
    doubles[doublesAt + recordUsAt] = nowUs;
  }

  private countOutcome(outcome: number, reported: number, isOneSided: boolean, stealthKind: number): void {
    const { counters } = this;
    counters.records++;
    if (outcome === reported) return;
    if (reported !== 0) counters.outcomesUpgraded++;
    if (isOneSided) counters.outcomesOneSided++;
    if (stealthKind !== 0 && reported === 0) counters.stealthContacts++;
    if (outcome === Outcome.ignored) counters.outcomesIgnored++;
    else if (outcome === Outcome.unreachable) counters.outcomesUnreachable++;
    else if (outcome === Outcome.refused) counters.outcomesRefused++;
    else if (outcome === Outcome.halfOpen) counters.outcomesHalfOpen++;
    else counters.outcomesAnswered++;
  }
}
