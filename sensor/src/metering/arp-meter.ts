import { ArpOperation } from "@picket/proto/batch/flow-columns.js";
import type { DecodedPacket } from "../decode/decoded-packet.js";
import type { ArpCounters } from "./arp-counters.js";
import type { ArpSettings } from "./arp-settings.js";
import { ArpMark, ArpTable } from "./arp-table.js";
import type { FlowRecordSink } from "./flow-record-sink.js";
import { TimerWheel } from "./timer-wheel.js";

/** What metering of ARP needs of a sink. */
export type ArpRecordSink = Pick<FlowRecordSink, "columns" | "appendArp" | "arpFilled">;

const operationRequest = 1;
const operationReply = 2;
/** A packet this much older than the newest is a clock set back, not reordering. */
const clockStepUs = 10_000_000;
const secondUs = 1_000_000;

/**
 * Turns ARP packets to records, one entry for each operation, sender (MAC and
 * address), target address and, of a reply, target MAC:
 *
 * - A request is reported when the hold time is over: answered or not. Answered
 *   by the reply of the target's address to the sender's MAC and address;
 *   replies between other hosts do not pass a switch, so that only broadcast
 *   requests of theirs are seen and look unanswered.
 * - A reply, an announcement (RFC 5227: sender and target are the same address)
 *   and a probe (its sender's address is 0) are reported at first sight.
 * - After that one record at most each active timeout, with the packets since
 *   the one before; at once when a mark is new: an answer after all, a reply
 *   that nobody asked for, a frame from another MAC.
 *
 * Tables, records a second and work a packet are bounded; what does not fit is
 * counted. The VLAN is not part of the key: the same addresses in two VLANs are
 * one entry.
 */
export class ArpMeter {
  private readonly table: ArpTable;
  private readonly timers: TimerWheel;
  private nowUs = Number.NEGATIVE_INFINITY;
  private nextTickUs = Number.NEGATIVE_INFINITY;
  private secondEndUs = Number.NEGATIVE_INFINITY;
  /** Records in this second: of requests, of everything else. */
  private requestRecords = 0;
  private otherRecords = 0;

  /** `seed` as in MeteringSettings. */
  constructor(
    private readonly settings: ArpSettings,
    seed: number,
    private readonly sink: ArpRecordSink,
    private readonly counters: ArpCounters,
  ) {
    this.table = new ArpTable(settings.entriesMax, seed);
    this.timers = new TimerWheel(settings.entriesMax);
  }

  /** Entries in the table. */
  get entriesLive(): number {
    return this.table.length;
  }

  /** Meters one ARP packet; the frame's source MAC is 0 where the link tells none. */
  process(
    packet: DecodedPacket,
    ethernetSourceHigh: number,
    ethernetSourceLow: number,
    timeUs: number,
  ): void {
    if (timeUs >= this.nextTickUs) this.advance(timeUs);
    else this.moveTo(timeUs);
    const { table } = this;
    const operation = operationOf(packet);
    if (operation === -1) {
      this.counters.operationsOther++;
      return;
    }
    this.count(operation);
    let marks = operation === ArpOperation.reply ? this.answer(packet, timeUs) : 0;
    if (isMismatched(packet, ethernetSourceHigh, ethernetSourceLow)) {
      this.counters.sendersMismatched++;
      marks |= ArpMark.mismatched;
    }
    this.load(operation, packet);
    let entry = table.find();
    const isNew = entry === -1;
    if (isNew) {
      if (table.isFull) this.evict();
      entry = table.insert(timeUs);
    }
    table.packets[entry]++;
    if (timeUs > table.lastUs[entry]) table.lastUs[entry] = timeUs;
    this.mark(entry, marks, isNew && operation !== ArpOperation.request);
  }

  /** Moves time forward and reports what is due; a slightly earlier time does nothing. */
  advance(nowUs: number): void {
    // Before the first packet of any kind.
    if (nowUs === Number.NEGATIVE_INFINITY) return;
    this.moveTo(nowUs);
    if (this.table.length === 0) this.timers.restart(this.nowUs);
    for (;;) {
      const entry = this.timers.takeDue(this.nowUs);
      if (entry === -1) break;
      this.fire(entry);
    }
    this.nextTickUs = this.timers.nextTickUs;
  }

  /** Reports whatever was not and empties the table. A file has nothing after its end: leave `endUs` out. */
  finish(endUs?: number): void {
    if (endUs !== undefined) this.advance(endUs);
    for (let entry = this.timers.takeAny(); entry !== -1; entry = this.timers.takeAny()) {
      if (this.table.packets[entry] > 0) this.write(entry);
      this.table.remove(entry);
    }
    this.nowUs = Number.NEGATIVE_INFINITY;
    this.nextTickUs = Number.NEGATIVE_INFINITY;
    this.secondEndUs = Number.NEGATIVE_INFINITY;
  }

  /** Reordering does not move time; a clock set back does, and the entries stay. */
  private moveTo(timeUs: number): void {
    if (timeUs < this.nowUs) {
      if (this.nowUs - timeUs < clockStepUs) return;
      this.nowUs = timeUs;
      this.timers.restart(timeUs);
      this.nextTickUs = this.timers.nextTickUs;
      this.secondEndUs = Number.NEGATIVE_INFINITY;
    }
    this.nowUs = timeUs;
    if (timeUs < this.secondEndUs) return;
    this.secondEndUs = timeUs + secondUs;
    this.requestRecords = 0;
    this.otherRecords = 0;
  }

  private count(operation: number): void {
    if (operation === ArpOperation.request) this.counters.requests++;
    else if (operation === ArpOperation.reply) this.counters.replies++;
    else if (operation === ArpOperation.announcement) this.counters.announcements++;
    else this.counters.probes++;
  }

  /** Marks the request that a reply answers; the mark of the reply when there is none. */
  private answer(packet: DecodedPacket, timeUs: number): number {
    const { table } = this;
    table.load(
      packet.arpTargetAddress === 0 ? ArpOperation.probe : ArpOperation.request,
      packet.arpTargetMacHigh,
      packet.arpTargetMacLow,
      packet.arpTargetAddress,
      packet.arpSenderAddress,
      0,
      0,
    );
    const request = table.find();
    if (request !== -1 && timeUs - table.lastUs[request] <= this.settings.holdTimeoutUs) {
      this.mark(request, ArpMark.answered, false);
      return 0;
    }
    this.counters.repliesUnsolicited++;
    return ArpMark.unsolicited;
  }

  private load(operation: number, packet: DecodedPacket): void {
    const isReply = operation === ArpOperation.reply;
    this.table.load(
      operation,
      packet.arpSenderMacHigh,
      packet.arpSenderMacLow,
      packet.arpSenderAddress,
      packet.arpTargetAddress,
      isReply ? packet.arpTargetMacHigh : 0,
      isReply ? packet.arpTargetMacLow : 0,
    );
  }

  /** A record is due at once for a mark that a reported entry never had, or when `isDue`. */
  private mark(entry: number, marks: number, isDue: boolean): void {
    const { table } = this;
    const isNews = table.isReported[entry] === 1 && (marks & ~table.marksEver[entry]) !== 0;
    table.marks[entry] |= marks;
    table.marksEver[entry] |= marks;
    if (isDue || isNews) this.report(entry);
    else this.timers.set(entry, this.deadlineUs(entry));
  }

  private deadlineUs(entry: number): number {
    const { table, settings } = this;
    if (table.isOverdue[entry] === 1) return table.startUs[entry];
    if (table.isReported[entry] === 0 && table.operation(entry) === ArpOperation.request)
      return table.startUs[entry] + settings.holdTimeoutUs;
    const sinceUs = table.packets[entry] > 0 ? table.recordUs[entry] : table.lastUs[entry];
    return sinceUs + settings.activeTimeoutUs;
  }

  /** Looks at an entry whose timer went off. */
  private fire(entry: number): void {
    const { table } = this;
    const deadlineUs = this.deadlineUs(entry);
    if (deadlineUs > this.nowUs && table.lastUs[entry] <= this.nowUs + clockStepUs)
      this.timers.set(entry, deadlineUs);
    else if (table.packets[entry] > 0 || table.isOverdue[entry] === 1) this.report(entry);
    else table.remove(entry);
  }

  /** Writes a record, unless there were too many in this second: then in the next. */
  private report(entry: number): void {
    if (!this.takesRecord(entry)) {
      if (this.table.isOverdue[entry] === 0) this.counters.recordsPostponed++;
      this.table.isOverdue[entry] = 1;
      this.timers.set(entry, this.secondEndUs);
      return;
    }
    this.write(entry);
    this.timers.set(entry, this.deadlineUs(entry));
  }

  /** Whether there is room for a record of the entry in this second, which it takes. */
  private takesRecord(entry: number): boolean {
    const isRequest = this.table.operation(entry) === ArpOperation.request;
    const records = isRequest ? this.requestRecords++ : this.otherRecords++;
    return records < this.settings.recordsPerSecondMax;
  }

  private write(entry: number): void {
    const { table, sink } = this;
    const row = sink.appendArp(
      table.senderAddress(entry),
      table.targetAddress(entry),
      table.senderMacHigh(entry),
      table.senderMacLow(entry),
      table.targetMacHigh(entry),
      table.targetMacLow(entry),
    );
    this.fill(entry, row);
    this.counters.records++;
    table.isReported[entry] = 1;
    table.isOverdue[entry] = 0;
    table.packets[entry] = 0;
    table.marks[entry] = 0;
    table.recordUs[entry] = this.nowUs;
    sink.arpFilled();
  }

  private fill(entry: number, row: number): void {
    const { table, counters } = this;
    const { arp } = this.sink.columns;
    const operation = table.operation(entry);
    const marks = table.marks[entry];
    arp.operation[row] = operation;
    arp.answered[row] = (marks & ArpMark.answered) === 0 ? 0 : 1;
    arp.unsolicited[row] = (marks & ArpMark.unsolicited) === 0 ? 0 : 1;
    arp.mismatched[row] = (marks & ArpMark.mismatched) === 0 ? 0 : 1;
    // Only a clock that was set back can put the end before the start.
    arp.startUs[row] = Math.min(table.startUs[entry], table.lastUs[entry]);
    arp.endUs[row] = table.lastUs[entry];
    arp.packets[row] = table.packets[entry];
    const isFirst = table.isReported[entry] === 0;
    if (isFirst && operation === ArpOperation.request && arp.answered[row] === 0)
      counters.requestsUnanswered++;
  }

  /** What is given up is reported as it is, as far as there is room for records in this second. */
  private evict(): void {
    const { table } = this;
    const victim = table.chooseVictim();
    this.counters.evictions++;
    if (table.packets[victim] > 0) {
      if (this.takesRecord(victim)) this.write(victim);
      else this.counters.packetsUnreported += table.packets[victim];
    }
    this.timers.cancel(victim);
    table.remove(victim);
  }
}

/** `ArpOperation` of a packet, or -1. */
function operationOf(packet: DecodedPacket): number {
  const { arpOperation, arpSenderAddress, arpTargetAddress } = packet;
  if (arpOperation !== operationRequest && arpOperation !== operationReply) return -1;
  if (arpSenderAddress === arpTargetAddress && arpSenderAddress !== 0) return ArpOperation.announcement;
  if (arpOperation === operationReply) return ArpOperation.reply;
  return arpSenderAddress === 0 ? ArpOperation.probe : ArpOperation.request;
}

function isMismatched(packet: DecodedPacket, sourceHigh: number, sourceLow: number): boolean {
  if ((sourceHigh | sourceLow) === 0) return false;
  return packet.arpSenderMacLow !== sourceLow || packet.arpSenderMacHigh !== sourceHigh;
}
