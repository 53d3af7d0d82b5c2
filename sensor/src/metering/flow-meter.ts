import { FlowEndReason, Outcome, StealthKind } from "@picket/proto/batch/flow-columns.js";
import type { PacketBlock } from "../capture/packet-source.js";
import type { DecodedPacket } from "../decode/decoded-packet.js";
import { isNoContact } from "./address-class.js";
import {
  bytesAt,
  flowDoublesShift,
  flowWordsShift,
  hashAt,
  initiatorShift,
  lastUsAt,
  markUsAt,
  noContactBit,
  outcomeShift,
  packetsAt,
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
  tcpFlagsAt,
  threeBits,
} from "./flow-layout.js";
import { FlowDeadlines } from "./flow-deadlines.js";
import type { FlowRecordSink } from "./flow-record-sink.js";
import { FlowRecords } from "./flow-records.js";
import { FlowTable } from "./flow-table.js";
import { icmpRequestOf, IcmpRole, icmpRole } from "./icmp-contact.js";
import { IpProtocol } from "../decode/ip-protocol.js";
import { MeteringCounters } from "./metering-counters.js";
import type { MeteringSettings } from "./metering-settings.js";
import { ObservationView } from "./observation-view.js";
import { PlainPackets } from "./plain-packets.js";
import { TcpContact, Verdict } from "./tcp-contact.js";
import { TimerWheel } from "./timer-wheel.js";

/** A packet this much older than the newest is a clock set back, not reordering. */
const clockStepUs = 10_000_000;

/**
 * Pairs packets to biflows (RFC 5103), decides the outcome of each contact and
 * writes flow records. Time is the packets' own; `advance` moves it when none
 * come. See TcpContact for the rules of TCP. For the rest:
 *
 * - UDP, SCTP and ICMP requests: a reply is an answer, silence for the hold
 *   time means ignored. ICMP requests pair with their replies by addresses and
 *   type. Other protocols and ICMP messages: a reply is an answer, silence unknown.
 * - An ICMP "unreachable" about the initiator's packet, before any answer, means
 *   unreachable. ICMP errors are counted, they are no flows.
 * - Multicast, broadcast and unspecified sources are never contacts.
 *
 * Records: a failed outcome at once, as `only` (the flow is over as far as can
 * be told; packets that still come are reported as `delta` or `last`). An
 * answered flow after `shortFlowUs`: `only` if it ended or, without
 * connections, fell silent, else `first`; then `delta` each active timeout and
 * `last` at its end. A higher outcome after a reported one: at once, with `upgrade`.
 */
export class FlowMeter {
  readonly counters = new MeteringCounters();
  /** Time of the newest packet or `advance`. */
  nowUs = Number.NEGATIVE_INFINITY;

  private readonly flows: FlowTable;
  private readonly plainPackets: PlainPackets;
  private readonly timers: TimerWheel;
  private readonly view: ObservationView;
  private readonly tcp: TcpContact;
  private readonly records: FlowRecords;
  private readonly deadlines: FlowDeadlines;
  private nextTickUs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly settings: MeteringSettings,
    sink: FlowRecordSink,
  ) {
    this.flows = new FlowTable(settings.tableFlowsMax, settings.seed);
    this.plainPackets = new PlainPackets(this.flows, this.counters);
    this.timers = new TimerWheel(settings.tableFlowsMax);
    this.view = new ObservationView(settings.seed, settings.ownAddresses);
    this.tcp = new TcpContact(this.flows.words, this.view);
    this.deadlines = new FlowDeadlines(this.flows, settings);
    this.records = new FlowRecords(this.flows, sink, this.counters);
  }

  /** Flows in the table. */
  get flowsLive(): number {
    return this.flows.length;
  }

  /**
   * Meters the packets of `block` from `from` on that need no decoding, up to
   * the first that does or whose time reaches `untilUs`; returns its index.
   */
  processPlain(block: PacketBlock, from: number, untilUs: number): number {
    const limitUs = Math.min(untilUs, this.nextTickUs);
    const next = this.plainPackets.count(block, from, this.nowUs, limitUs);
    if (next > from) this.nowUs = block.timeUs[next - 1];
    return next;
  }

  /** Meters one packet that decode found to be of a flow, captured at `timeUs`. */
  process(packet: DecodedPacket, timeUs: number): void {
    if (timeUs >= this.nextTickUs) this.advance(timeUs);
    else if (timeUs >= this.nowUs) this.nowUs = timeUs;
    else {
      this.counters.packetsOutOfOrder++;
      this.stepBack(timeUs);
    }
    const { protocol } = packet;
    if (protocol === IpProtocol.icmp || protocol === IpProtocol.icmpv6) {
      this.processIcmp(packet, timeUs);
      return;
    }
    const direction = this.flows.loadPacket(packet, packet.sourcePort, packet.destinationPort);
    this.meter(packet, timeUs, direction, direction);
  }

  /** Moves time forward and reports what is due; a slightly earlier time does nothing. */
  advance(timeUs: number): void {
    if (timeUs < this.nowUs) {
      this.stepBack(timeUs);
      return;
    }
    if (this.flows.length === 0) this.timers.restart(timeUs);
    this.nowUs = timeUs;
    for (let slot = this.timers.takeDue(timeUs); slot !== -1; slot = this.timers.takeDue(timeUs))
      this.fire(slot);
    this.nextTickUs = this.timers.nextTickUs;
  }

  /**
   * Reports every live flow and empties the table. `endUs` is until when
   * silence was observed: contacts whose hold time passed before it are
   * ignored, later ones unknown. A capture file has nothing after its end, so
   * there the contacts still waiting count as ignored: leave `endUs` out.
   */
  finish(endUs: number = Number.POSITIVE_INFINITY): void {
    if (Number.isFinite(endUs)) this.advance(endUs);
    for (let slot = this.timers.takeAny(); slot !== -1; slot = this.timers.takeAny()) {
      const phase = this.phaseOf(slot);
      const isWaiting = phase !== Phase.synAnswered && Number.isFinite(this.deadlines.holdEndUs(slot));
      if (isWaiting && !Number.isFinite(endUs)) this.judgeSilence(slot, FlowEndReason.forcedEnd);
      this.close(slot, phase === Phase.ended ? FlowEndReason.endDetected : FlowEndReason.forcedEnd);
    }
    this.nowUs = Number.NEGATIVE_INFINITY;
    this.nextTickUs = Number.NEGATIVE_INFINITY;
  }

  /** Reordering does not move time; a clock set back does, and the flows stay. */
  private stepBack(timeUs: number): void {
    if (this.nowUs - timeUs < clockStepUs) return;
    this.counters.clockStepsBack++;
    this.nowUs = timeUs;
    this.timers.restart(timeUs);
    this.nextTickUs = this.timers.nextTickUs;
  }

  private processIcmp(packet: DecodedPacket, timeUs: number): void {
    const typeCode = packet.destinationPort;
    const role = icmpRole(packet.protocol, typeCode);
    if (role >= IcmpRole.error) {
      this.processIcmpError(packet, role);
      return;
    }
    const key = role === IcmpRole.reply ? icmpRequestOf(packet.protocol, typeCode) : typeCode;
    const direction = this.flows.loadPacket(packet, key, key);
    this.meter(packet, timeUs, direction, role === IcmpRole.reply ? 1 - direction : direction);
  }

  private processIcmpError(packet: DecodedPacket, role: number): void {
    const { counters } = this;
    counters.icmpErrorBytes += packet.ipLength;
    const direction = packet.hasInner ? this.loadInner(packet) : 0;
    const slot = packet.hasInner ? this.flows.find() : -1;
    if (slot === -1) {
      counters.icmpErrorsUnmatched++;
      return;
    }
    counters.icmpErrorsMatched++;
    const state = this.flows.words[(slot << flowWordsShift) + stateAt];
    const phase = (state >>> phaseShift) & phaseMask;
    const isWaiting = phase === Phase.waiting || phase === Phase.synSent || phase === Phase.stealth;
    const isAboutInitiator = ((state >>> initiatorShift) & 1) === direction;
    if (role !== IcmpRole.unreachable || !isWaiting || !isAboutInitiator || (state & noContactBit) !== 0)
      return;
    this.reach(slot, Outcome.unreachable, FlowEndReason.endDetected);
  }

  private loadInner(packet: DecodedPacket): number {
    const protocol = packet.innerProtocol;
    if (protocol !== IpProtocol.icmp && protocol !== IpProtocol.icmpv6)
      return this.flows.loadInner(packet, packet.innerSourcePort, packet.innerDestinationPort);
    return this.flows.loadInner(packet, packet.innerDestinationPort, packet.innerDestinationPort);
  }

  /** One packet of the loaded key. `initiator` is the direction of the initiator if it opens a flow. */
  private meter(packet: DecodedPacket, timeUs: number, direction: number, initiator: number): void {
    const { flows, counters } = this;
    counters.packets++;
    counters.bytes += packet.ipLength;
    const slot = flows.find();
    if (slot === -1) {
      this.open(packet, timeUs, direction, initiator);
      return;
    }
    const phase = this.phaseOf(slot);
    const at = slot << flowWordsShift;
    const verdict = packet.protocol === IpProtocol.tcp ? this.tcp.step(at, direction, packet) : Verdict.none;
    if (verdict === Verdict.restarts) {
      this.close(slot, FlowEndReason.endDetected);
      this.open(packet, timeUs, direction, initiator);
      return;
    }
    this.add(slot, direction, packet, timeUs);
    this.noteSeen(at, direction);
    if (packet.protocol === IpProtocol.tcp) this.conclude(slot, verdict, phase);
    else if (phase === Phase.waiting && this.isReply(at, direction))
      this.reach(slot, Outcome.answered, FlowEndReason.open);
  }

  private open(packet: DecodedPacket, timeUs: number, direction: number, initiator: number): void {
    const { flows } = this;
    if (flows.isFull) this.evict();
    const slot = flows.insert();
    const at = slot << flowWordsShift;
    const doublesAt = slot << flowDoublesShift;
    this.counters.flowsOpened++;
    flows.words[at + stateAt] |= (initiator << initiatorShift) | (seenBit << direction);
    flows.doubles[doublesAt + startUsAt] = timeUs;
    flows.doubles[doublesAt + lastUsAt] = timeUs;
    flows.doubles[doublesAt + markUsAt] = timeUs;
    if (isNoContact(packet)) flows.words[at + stateAt] |= noContactBit;
    this.add(slot, direction, packet, timeUs);
    if (packet.protocol === IpProtocol.tcp) {
      const verdict = this.tcp.open(at, direction, packet);
      if ((verdict & Verdict.ends) !== 0) this.setPhase(slot, Phase.ended);
    } else if (direction === initiator) this.setPhase(slot, Phase.waiting);
    this.timers.set(slot, this.deadlines.nextUs(slot));
  }

  private add(slot: number, direction: number, packet: DecodedPacket, timeUs: number): void {
    const { words, doubles } = this.flows;
    const doublesAt = slot << flowDoublesShift;
    words[(slot << flowWordsShift) + tcpFlagsAt] |= packet.tcpFlags << (direction << 3);
    doubles[doublesAt + packetsAt + direction] += 1;
    doubles[doublesAt + bytesAt + direction] += packet.ipLength;
    if (timeUs > doubles[doublesAt + lastUsAt]) doubles[doublesAt + lastUsAt] = timeUs;
    else if (timeUs < doubles[doublesAt + lastUsAt]) this.placeEarlier(slot, timeUs);
  }

  /** A packet older than the flow's last: out of order, or after the clock was set back. */
  private placeEarlier(slot: number, timeUs: number): void {
    const { words, doubles } = this.flows;
    const doublesAt = slot << flowDoublesShift;
    const isReported = (words[(slot << flowWordsShift) + stateAt] & reportedBit) !== 0;
    // The start that was reported stays.
    if (!isReported && timeUs < doubles[doublesAt + startUsAt]) doubles[doublesAt + startUsAt] = timeUs;
    if (doubles[doublesAt + lastUsAt] - timeUs < clockStepUs) return;
    doubles[doublesAt + lastUsAt] = timeUs;
    doubles[doublesAt + markUsAt] = Math.min(doubles[doublesAt + markUsAt], timeUs);
    doubles[doublesAt + recordUsAt] = Math.min(doubles[doublesAt + recordUsAt], timeUs);
    this.timers.set(slot, this.deadlines.nextUs(slot));
  }

  private isReply(at: number, direction: number): boolean {
    return ((this.flows.words[at + stateAt] >>> initiatorShift) & 1) !== direction;
  }

  private noteSeen(at: number, direction: number): void {
    const { words } = this.flows;
    const state = words[at + stateAt];
    if ((state & (seenBit << direction)) !== 0) return;
    words[at + stateAt] = state | (seenBit << direction);
    if (this.isReply(at, direction)) this.view.noteReply(words, at);
  }

  /** Acts on what a TCP packet changed; `before` is the phase it met. */
  private conclude(slot: number, verdict: number, before: number): void {
    const phase = this.phaseOf(slot);
    if (phase !== before && phase === Phase.synAnswered) this.setMark(slot);
    const outcome = verdict & Verdict.outcomeMask;
    if ((verdict & Verdict.ends) !== 0) this.setPhase(slot, Phase.ended);
    if (outcome !== 0) this.reach(slot, outcome, FlowEndReason.endDetected);
    else if (phase !== before || verdict !== 0 || before === Phase.ended)
      this.timers.set(slot, this.deadlines.nextUs(slot));
  }

  /** Raises the outcome of a flow; a failed one (with `endReason`) and an upgrade are reported at once. */
  private reach(slot: number, outcome: number, endReason: FlowEndReason): void {
    const { words } = this.flows;
    const at = slot << flowWordsShift;
    const state = words[at + stateAt];
    if (outcome <= ((state >>> outcomeShift) & threeBits) || (state & noContactBit) !== 0) {
      this.timers.set(slot, this.deadlines.nextUs(slot));
      return;
    }
    words[at + stateAt] = (state & ~(threeBits << outcomeShift)) | (outcome << outcomeShift);
    const isEnded = this.phaseOf(slot) === Phase.ended;
    if (outcome === Outcome.answered) {
      this.setMark(slot);
      if (!isEnded && ((state >>> phaseShift) & phaseMask) === Phase.waiting)
        this.setPhase(slot, Phase.counting);
      if ((words[at + stateAt] & (seenBit << (1 - ((state >>> initiatorShift) & 1)))) === 0)
        this.view.noteOneSided(words, at);
      if ((state & reportedBit) !== 0) this.records.report(slot, this.nowUs, false, FlowEndReason.open);
    } else {
      this.records.report(slot, this.nowUs, true, endReason);
    }
    this.timers.set(slot, this.deadlines.nextUs(slot));
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
      this.timers.set(slot, this.deadlines.nextUs(slot));
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
      if (deadlines.lingerEndUs(slot) <= nowUs) this.close(slot, FlowEndReason.endDetected);
      else this.timers.set(slot, deadlines.lingerEndUs(slot));
      return;
    }
    if (deadlines.holdEndUs(slot) <= nowUs) this.judgeSilence(slot, FlowEndReason.idleTimeout);
    if (deadlines.idleEndUs(slot) <= nowUs) {
      this.close(slot, FlowEndReason.idleTimeout);
      return;
    }
    if (deadlines.shortEndUs(slot) <= nowUs) this.reportAnswered(slot);
    else if (deadlines.activeEndUs(slot) <= nowUs) this.reportActive(slot);
    this.timers.set(slot, deadlines.nextUs(slot));
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

  private evict(): void {
    this.counters.evictions++;
    this.close(this.flows.chooseVictim(), FlowEndReason.lackOfResources);
  }

  private close(slot: number, endReason: FlowEndReason): void {
    const phase = this.phaseOf(slot);
    if (phase === Phase.established || phase === Phase.midStream)
      this.view.noteConnection(this.flows.words[(slot << flowWordsShift) + hashAt]);
    this.records.finalReport(slot, endReason);
    this.timers.cancel(slot);
    this.flows.remove(slot);
    this.counters.flowsClosed++;
  }

  private phaseOf(slot: number): number {
    return (this.flows.words[(slot << flowWordsShift) + stateAt] >>> phaseShift) & phaseMask;
  }

  private protocolOf(slot: number): number {
    return this.flows.words[(slot << flowWordsShift) + stateAt] & protocolMask;
  }

  private setPhase(slot: number, phase: number): void {
    const { words } = this.flows;
    const stateIndex = (slot << flowWordsShift) + stateAt;
    words[stateIndex] = (words[stateIndex] & ~(phaseMask << phaseShift)) | (phase << phaseShift);
  }

  private setMark(slot: number): void {
    this.flows.doubles[(slot << flowDoublesShift) + markUsAt] = this.nowUs;
  }
}
