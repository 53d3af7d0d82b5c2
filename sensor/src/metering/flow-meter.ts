import { FlowEndReason, Outcome } from "@picket/proto/batch/flow-columns.js";
import type { PacketBlock } from "../capture/packet-source.js";
import { DecodedPacket } from "../decode/decoded-packet.js";
import { hasTunnelPort } from "../decode/find-tunnel.js";
import { IpProtocol } from "../decode/ip-protocol.js";
import { FlowNotes } from "../notes/flow-notes.js";
import { NotesCounters } from "../notes/notes-counters.js";
import { isNoContact } from "./address-class.js";
import { Decision } from "./admission.js";
import { Emergency } from "./emergency.js";
import type { EmergencyCounters } from "./emergency-counters.js";
import {
  awaitsReply,
  bytesAt,
  copyAddress,
  flowDoublesShift,
  flowWordsShift,
  hostDirectionShift,
  initiatorShift,
  lastUsAt,
  markUsAt,
  noContactBit,
  packetsAt,
  Phase,
  phaseMask,
  phaseShift,
  seenBit,
  startUsAt,
  stateAt,
  tcpFlagsAt,
  wantsPayloadBit,
} from "./flow-layout.js";
import { FlowLifecycle } from "./flow-lifecycle.js";
import type { FlowRecordSink } from "./flow-record-sink.js";
import { FlowRecords } from "./flow-records.js";
import { FlowTable } from "./flow-table.js";
import { countsHops } from "./hop-count.js";
import type { HostView } from "./host-view.js";
import { icmpRequestOf, IcmpRole, icmpRole } from "./icmp-contact.js";
import { MeteringCounters } from "./metering-counters.js";
import type { MeteringPolicy, MeteringSettings } from "./metering-settings.js";
import { ObservationView } from "./observation-view.js";
import { PlainPackets } from "./plain-packets.js";
import { TcpContact, Verdict } from "./tcp-contact.js";

/** The emergency looks at the whole table in this many steps, one each `sweepIntervalUs`. */
const sweepSteps = 10;
const sweepIntervalUs = 50_000;
/** Of a packet that waited the bytes are gone. */
const noBytes = new Uint8Array(0);
/** See `load`. */
const isIcmpError = -1;

/**
 * Pairs packets to biflows (RFC 5103), decides the outcome of each contact and
 * writes flow records. Time is the packets' own; `advance` moves it when none
 * come. See TcpContact for the rules of TCP. For the rest:
 *
 * - UDP, SCTP and ICMP requests: a reply is an answer, silence for the hold
 *   time means ignored. ICMP requests pair with their replies by addresses and
 *   type. Other protocols and ICMP messages, and UDP that traces a route: a
 *   reply is an answer, silence unknown.
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
  readonly notesCounters = new NotesCounters();
  /** What the host knows; may be told anew at any time. */
  readonly host: HostView;

  private readonly flows: FlowTable;
  private readonly plainPackets: PlainPackets;
  private readonly view: ObservationView;
  private readonly notes: FlowNotes;
  private readonly tcp: TcpContact;
  private readonly lifecycle: FlowLifecycle;
  private readonly emergency: Emergency;
  private readonly recalled = new DecodedPacket();
  /** Addresses of a flow that was just opened: initiator, responder. */
  private readonly addresses = new Int32Array(8);
  private nextSweepUs = Number.NEGATIVE_INFINITY;
  /** Our own, so that a policy may change them. */
  private readonly settings: MeteringSettings;

  constructor(settings: MeteringSettings, sink: FlowRecordSink) {
    const { tableFlowsMax, seed, host } = settings;
    const { counters } = this;
    this.host = host;
    this.settings = { ...settings };
    this.flows = new FlowTable(tableFlowsMax, seed);
    this.plainPackets = new PlainPackets(this.flows, counters);
    this.view = new ObservationView(seed, host);
    this.notes = new FlowNotes(settings.notes, tableFlowsMax, this.notesCounters);
    this.tcp = new TcpContact(this.flows.words, this.view);
    const records = new FlowRecords(this.flows, sink, host, this.notes, counters);
    this.lifecycle = new FlowLifecycle(this.settings, this.flows, this.view, records, this.notes, counters);
    this.emergency = new Emergency(settings.emergency, tableFlowsMax, seed, host, sink);
  }

  /** Time of the newest packet or `advance`. */
  get nowUs(): number {
    return this.lifecycle.nowUs;
  }

  /** From now on, for the flows that are live, too. */
  follow(policy: MeteringPolicy): void {
    Object.assign(this.settings, policy);
    this.notes.follow(policy.notes);
    this.lifecycle.watchAll();
  }

  /** Flows in the table. */
  get flowsLive(): number {
    return this.flows.length;
  }

  /** The table is nearly full: not every new flow is let in (see Emergency). */
  get isEmergency(): boolean {
    return this.emergency.isActive;
  }

  get emergencyCounters(): EmergencyCounters {
    return this.emergency.counters;
  }

  /**
   * Meters the packets of `block` from `from` on that need no decoding, up to
   * the first that does or whose time reaches `untilUs`; returns its index.
   */
  processPlain(block: PacketBlock, from: number, untilUs: number): number {
    const { lifecycle, plainPackets } = this;
    plainPackets.newestUs = lifecycle.nowUs;
    const next = plainPackets.count(block, from, Math.min(untilUs, lifecycle.nextTickUs));
    lifecycle.nowUs = plainPackets.newestUs;
    return next;
  }

  /** Meters one packet that decode found to be of a flow, captured at `timeUs`, in the memory `bytes`. */
  process(packet: DecodedPacket, timeUs: number, bytes: Uint8Array): void {
    const { lifecycle, counters } = this;
    if (timeUs >= lifecycle.nextTickUs) this.advance(timeUs);
    else if (timeUs >= lifecycle.nowUs) lifecycle.nowUs = timeUs;
    else {
      counters.packetsOutOfOrder++;
      lifecycle.stepBack(timeUs);
    }
    const ends = this.load(packet);
    if (ends === isIcmpError) {
      this.processIcmpError(packet);
      return;
    }
    counters.packets++;
    counters.bytes += packet.ipLength;
    this.meter(packet, timeUs, bytes, ends, !this.emergency.isActive);
  }

  /** Moves time forward and reports what is due; a slightly earlier time does nothing. */
  advance(timeUs: number): void {
    const { lifecycle, emergency, flows } = this;
    if (!lifecycle.advance(timeUs) || !emergency.isActive) return;
    if (timeUs >= this.nextSweepUs || timeUs < this.nextSweepUs - sweepIntervalUs) {
      this.nextSweepUs = timeUs + sweepIntervalUs;
      lifecycle.sweep(Math.ceil(flows.flowsMax / sweepSteps));
    }
    if (emergency.leaves(flows.length, timeUs)) lifecycle.deadlines.isShortened = false;
  }

  /**
   * Reports every live flow and empties the table. `endUs` is until when
   * silence was observed: contacts whose hold time passed before it are
   * ignored, later ones unknown. A capture file has nothing after its end, so
   * there the contacts still waiting count as ignored: leave `endUs` out.
   */
  finish(endUs: number = Number.POSITIVE_INFINITY): void {
    if (Number.isFinite(endUs)) this.advance(endUs);
    this.emergency.end();
    this.lifecycle.deadlines.isShortened = false;
    this.lifecycle.finish(endUs);
  }

  /**
   * Loads the packet's key. Bit 0 of the result is its direction, bit 1 that of
   * the initiator if it opens a flow; `isIcmpError` has no key.
   */
  private load(packet: DecodedPacket): number {
    const { protocol, destinationPort } = packet;
    if (protocol !== IpProtocol.icmp && protocol !== IpProtocol.icmpv6) {
      const direction = this.flows.loadPacket(packet, packet.sourcePort, destinationPort);
      return direction * 3;
    }
    const role = icmpRole(protocol, destinationPort);
    if (role >= IcmpRole.error) return isIcmpError;
    const isReply = role === IcmpRole.reply;
    const key = isReply ? icmpRequestOf(protocol, destinationPort) : destinationPort;
    const direction = this.flows.loadPacket(packet, key, key);
    return isReply ? direction | ((1 - direction) << 1) : direction * 3;
  }

  private processIcmpError(packet: DecodedPacket): void {
    const { counters } = this;
    counters.icmpErrorBytes += packet.ipLength;
    const direction = packet.hasInner ? this.loadInner(packet) : 0;
    const slot = packet.hasInner ? this.flows.find() : -1;
    if (slot === -1) {
      counters.icmpErrorsUnmatched++;
      return;
    }
    counters.icmpErrorsMatched++;
    const role = icmpRole(packet.protocol, packet.destinationPort);
    const state = this.flows.words[(slot << flowWordsShift) + stateAt];
    const phase = (state >>> phaseShift) & phaseMask;
    const isWaiting = awaitsReply(phase) || phase === Phase.synSent || phase === Phase.stealth;
    const isAboutInitiator = ((state >>> initiatorShift) & 1) === direction;
    if (role !== IcmpRole.unreachable || !isWaiting || !isAboutInitiator || (state & noContactBit) !== 0)
      return;
    this.lifecycle.reach(slot, Outcome.unreachable, FlowEndReason.endDetected);
  }

  private loadInner(packet: DecodedPacket): number {
    const protocol = packet.innerProtocol;
    if (protocol !== IpProtocol.icmp && protocol !== IpProtocol.icmpv6)
      return this.flows.loadInner(packet, packet.innerSourcePort, packet.innerDestinationPort);
    return this.flows.loadInner(packet, packet.innerDestinationPort, packet.innerDestinationPort);
  }

  /** One packet of the loaded key; `ends` from `load`. One that is not admitted is judged before it opens a flow. */
  private meter(
    packet: DecodedPacket,
    timeUs: number,
    bytes: Uint8Array,
    ends: number,
    isAdmitted: boolean,
  ): void {
    const slot = this.flows.find();
    if (slot === -1) {
      if (isAdmitted) this.open(packet, timeUs, bytes, ends);
      else this.admit(packet, timeUs, bytes, ends);
      return;
    }
    const { lifecycle } = this;
    const direction = ends & 1;
    const phase = lifecycle.phaseOf(slot);
    const at = slot << flowWordsShift;
    const isTcp = packet.protocol === IpProtocol.tcp;
    const verdict = isTcp ? this.tcp.step(at, direction, packet) : Verdict.none;
    if (verdict === Verdict.restarts) {
      lifecycle.close(slot, FlowEndReason.endDetected);
      this.open(packet, timeUs, bytes, ends);
      return;
    }
    this.add(slot, direction, packet, timeUs);
    this.noteSeen(at, direction);
    if (this.flows.words[at + stateAt] < 0) this.look(slot, direction, packet, bytes, timeUs);
    if (isTcp) this.conclude(slot, verdict, phase);
    else if (awaitsReply(phase) && this.isReply(at, direction))
      lifecycle.reach(slot, Outcome.answered, FlowEndReason.open);
  }

  /** A packet that would open a flow while the table is nearly full. */
  private admit(packet: DecodedPacket, timeUs: number, bytes: Uint8Array, ends: number): void {
    const { admission } = this.emergency;
    const decision = admission.judge(packet, timeUs);
    if (decision === Decision.refused) return;
    if (decision === Decision.admitted) {
      this.open(packet, timeUs, bytes, ends);
      return;
    }
    const { recalled } = this;
    const firstUs = admission.recall(recalled);
    this.meter(recalled, firstUs, noBytes, this.load(recalled), true);
    if (admission.recallAnswer(recalled)) this.meter(recalled, firstUs, noBytes, this.load(recalled), true);
    // What waited may have had the same key.
    this.meter(packet, timeUs, bytes, this.load(packet), true);
  }

  private open(packet: DecodedPacket, timeUs: number, bytes: Uint8Array, ends: number): void {
    const { flows, lifecycle } = this;
    if (flows.isFull && !this.makeRoom(packet, timeUs)) return;
    const slot = flows.insert();
    const at = slot << flowWordsShift;
    const doublesAt = slot << flowDoublesShift;
    const direction = ends & 1;
    this.counters.flowsOpened++;
    flows.words[at + stateAt] |= ((ends >> 1) << initiatorShift) | (seenBit << direction);
    flows.doubles[doublesAt + startUsAt] = timeUs;
    flows.doubles[doublesAt + lastUsAt] = timeUs;
    flows.doubles[doublesAt + markUsAt] = timeUs;
    if (isNoContact(packet)) flows.words[at + stateAt] |= noContactBit;
    this.add(slot, direction, packet, timeUs);
    if (packet.protocol === IpProtocol.tcp) {
      const verdict = this.tcp.open(at, direction, packet);
      if ((verdict & Verdict.ends) !== 0) lifecycle.setPhase(slot, Phase.ended);
    } else if (direction === ends >> 1)
      lifecycle.setPhase(slot, countsHops(packet) ? Phase.tracing : Phase.waiting);
    this.noteOpened(slot, direction, packet, bytes, timeUs);
    lifecycle.watch(slot);
    if (this.emergency.enters(flows.length, lifecycle.nowUs)) lifecycle.deadlines.isShortened = true;
  }

  /** What the host and the first bytes say of a flow that was just opened. */
  private noteOpened(
    slot: number,
    direction: number,
    packet: DecodedPacket,
    bytes: Uint8Array,
    timeUs: number,
  ): void {
    const { words } = this.flows;
    const at = slot << flowWordsShift;
    const initiator = (words[at + stateAt] >>> initiatorShift) & 1;
    const { addresses } = this;
    copyAddress(words, at, initiator, addresses, 0);
    copyAddress(words, at, 1 - initiator, addresses, 4);
    words[at + tcpFlagsAt] |= this.host.direction(addresses, 0, 4) << hostDirectionShift;
    this.notes.open(slot, packet, bytes);
    // Every payload is looked at by decode first, for a packet in a tunnel is of another flow.
    if (hasTunnelPort(packet)) words[at + stateAt] |= wantsPayloadBit;
    if (!this.notes.wantsPayload(slot)) return;
    words[at + stateAt] |= wantsPayloadBit;
    this.look(slot, direction, packet, bytes, timeUs);
  }

  /** Payload of a flow that is still looked into. */
  private look(
    slot: number,
    direction: number,
    packet: DecodedPacket,
    bytes: Uint8Array,
    timeUs: number,
  ): void {
    if (packet.payloadLength === 0 || !this.notes.wantsPayload(slot)) return;
    const at = slot << flowWordsShift;
    const isWanted = this.notes.payload(slot, !this.isReply(at, direction), packet, bytes, timeUs);
    if (!isWanted && !hasTunnelPort(packet)) this.flows.words[at + stateAt] &= ~wantsPayloadBit;
  }

  /** Evicts a flow of a full table; in an emergency an answered one is worth more than a new one. */
  private makeRoom(packet: DecodedPacket, timeUs: number): boolean {
    const { flows, emergency } = this;
    const victim = flows.chooseVictim();
    if (emergency.isActive && flows.isAnswered(victim)) {
      emergency.admission.refuseFull(packet, timeUs);
      return false;
    }
    this.counters.evictions++;
    this.lifecycle.close(victim, FlowEndReason.lackOfResources);
    return true;
  }

  private add(slot: number, direction: number, packet: DecodedPacket, timeUs: number): void {
    const { words, doubles } = this.flows;
    const doublesAt = slot << flowDoublesShift;
    words[(slot << flowWordsShift) + tcpFlagsAt] |= packet.tcpFlags << (direction << 3);
    doubles[doublesAt + packetsAt + direction] += 1;
    doubles[doublesAt + bytesAt + direction] += packet.ipLength;
    if (timeUs > doubles[doublesAt + lastUsAt]) doubles[doublesAt + lastUsAt] = timeUs;
    else if (timeUs < doubles[doublesAt + lastUsAt]) this.lifecycle.placeEarlier(slot, timeUs);
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
    const { lifecycle } = this;
    const phase = lifecycle.phaseOf(slot);
    if (phase !== before && phase === Phase.synAnswered) lifecycle.setMark(slot);
    const outcome = verdict & Verdict.outcomeMask;
    if ((verdict & Verdict.ends) !== 0) lifecycle.setPhase(slot, Phase.ended);
    if (outcome !== 0) lifecycle.reach(slot, outcome, FlowEndReason.endDetected);
    else if (phase !== before || verdict !== 0 || before === Phase.ended) lifecycle.watch(slot);
  }
}
