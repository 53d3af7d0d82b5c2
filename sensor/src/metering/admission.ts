import { DecodedPacket } from "../decode/decoded-packet.js";
import { IpProtocol } from "../decode/ip-protocol.js";
import { ContactBudget } from "./contact-budget.js";
import { ContactRates } from "./contact-rates.js";
import type { EmergencyCounters } from "./emergency-counters.js";
import type { EmergencySettings } from "./emergency-settings.js";
import { FingerprintMemory } from "./fingerprint-memory.js";
import type { FlowRecordSink } from "./flow-record-sink.js";
import type { HostView } from "./host-view.js";
import { clientAt, NewContact } from "./new-contact.js";
import { RefusedContacts } from "./refused-contacts.js";
import { TcpFlag } from "./tcp-contact.js";
import { WaitingContacts } from "./waiting-contacts.js";

/** Whether a packet that belongs to no flow may open one. */
export const Decision = {
  /** No: it is counted, or waits for a second one. */
  refused: 0,
  admitted: 1,
  /** Yes, and the one that waited at `recalled` before it. */
  withFirst: 2,
} as const;

/** Why a packet was refused; names of counters. */
type Reason = "packetsRefusedUnknown" | "packetsRefusedBusy" | "packetsRefusedBudget" | "packetsRefusedFull";

const secondUs = 1_000_000;

/**
 * Who may open a flow while the table is nearly full. A flood of random sources
 * shows each of them once; whoever scans, or connects, is seen again:
 *
 * - The first contact of an unknown source is let in while few such contacts
 *   go to that port and that host. Else it waits.
 * - A second contact of its source with another port or host makes the source
 *   known: both are let in, and what it does from then on, up to a rate.
 * - The same connection carried on (the ACK after the SYN-ACK) lets it in with
 *   what waited. The same contact once more does so a number of times a second.
 * - A waiting contact that a later one displaces is refused.
 *
 * Refused packets are counted by reason and told of in records of their own
 * (see RefusedContacts): none is lost unseen.
 */
export class Admission {
  /** Place of the contact to recall, after `withFirst`. */
  recalled = 0;
  private readonly contact: NewContact;
  private readonly displaced: NewContact;
  private readonly packet = new DecodedPacket();
  private readonly waiting: WaitingContacts;
  private readonly refused: RefusedContacts;
  private readonly known = new FingerprintMemory();
  private readonly portRates: ContactRates;
  private readonly hostRates: ContactRates;
  private readonly sourceRates: ContactRates;
  private readonly pairRates: ContactRates;
  private readonly unknownBudget: ContactBudget;
  private readonly knownBudget: ContactBudget;
  private readonly retryBudget: ContactBudget;
  private refilledUs = Number.NEGATIVE_INFINITY;
  private decayedUs = Number.NEGATIVE_INFINITY;

  constructor(
    settings: EmergencySettings,
    seed: number,
    private readonly host: HostView,
    sink: FlowRecordSink,
    private readonly counters: EmergencyCounters,
  ) {
    this.contact = new NewContact(seed);
    this.displaced = new NewContact(seed);
    this.waiting = new WaitingContacts(settings.waitingContactsMax);
    this.refused = new RefusedContacts(settings.refusedRecordsMax, host, sink);
    this.portRates = new ContactRates(settings.portContactsPerSecond);
    this.hostRates = new ContactRates(settings.hostContactsPerSecond);
    this.sourceRates = new ContactRates(settings.sourceContactsPerSecond);
    this.pairRates = new ContactRates(settings.pairContactsPerSecond);
    this.unknownBudget = new ContactBudget(settings.unknownContactsPerSecond);
    this.knownBudget = new ContactBudget(settings.knownContactsPerSecond);
    this.retryBudget = new ContactBudget(settings.retriesPerSecond);
  }

  /** Packets refused so far. */
  get packetsRefused(): number {
    return this.refused.packets;
  }

  /** What a packet that belongs to no flow may do. */
  judge(packet: DecodedPacket, timeUs: number): number {
    const { contact, waiting, known } = this;
    contact.load(packet);
    const clientHash = this.hashClient(packet);
    const place = waiting.find(clientHash, contact);
    if (place !== -1) return this.judgeSecond(place, clientHash, packet, timeUs);
    const isOwn = !contact.isReverse && this.host.isOwn(contact.words, clientAt);
    if (isOwn || known.has(clientHash)) return this.judgeKnown(clientHash, packet, timeUs);
    const isFlooded = this.isFlooded();
    if (!isFlooded && this.unknownBudget.take()) {
      if (!contact.isReverse) known.add(clientHash);
      return Decision.admitted;
    }
    // What only answers tells nothing that the contact itself does not.
    if (contact.isReverse) return this.refuse("packetsRefusedUnknown", packet, timeUs);
    if (waiting.isUsed(waiting.next)) this.displace(waiting.next);
    waiting.put(clientHash, contact, packet, timeUs);
    return Decision.refused;
  }

  /** The packet that waited at `recalled`, and its time; then `recallAnswer`. */
  recall(packet: DecodedPacket): number {
    this.counters.contactsRecalled++;
    this.waiting.loadPacket(this.recalled, packet);
    return this.waiting.timeUs(this.recalled);
  }

  /** The SYN-ACK that came after it; false without one. The place is free then. */
  recallAnswer(packet: DecodedPacket): boolean {
    const hasAnswer = this.waiting.answerBytes(this.recalled) > 0;
    if (hasAnswer) this.waiting.loadAnswer(this.recalled, packet);
    this.waiting.free(this.recalled);
    return hasAnswer;
  }

  /** Counts a packet that was let in and found no place. */
  refuseFull(packet: DecodedPacket, timeUs: number): void {
    this.contact.load(packet);
    this.refuse("packetsRefusedFull", packet, timeUs);
  }

  /** Moves time: budgets, rates, records of what was refused. */
  advance(nowUs: number): void {
    const elapsedUs = Number.isFinite(this.refilledUs) ? nowUs - this.refilledUs : 0;
    this.refilledUs = nowUs;
    this.unknownBudget.refill(elapsedUs);
    this.knownBudget.refill(elapsedUs);
    this.retryBudget.refill(elapsedUs);
    this.refused.advance(nowUs);
    this.counters.refusedRecords = this.refused.records;
    if (Math.abs(nowUs - this.decayedUs) < secondUs) return;
    this.decayedUs = nowUs;
    this.portRates.decay();
    this.hostRates.decay();
    this.sourceRates.decay();
    this.pairRates.decay();
  }

  /** Refuses what still waits and writes every record. */
  flush(): void {
    for (let place = 0; place < this.waiting.places; place++)
      if (this.waiting.isUsed(place)) this.displace(place);
    this.refused.flush();
    this.counters.refusedRecords = this.refused.records;
  }

  /** Hash of the packet's client; finds out whether it is an answer to one who waits. */
  private hashClient(packet: DecodedPacket): number {
    const { contact, waiting } = this;
    const { clientHash } = contact;
    const isOpening = packet.protocol === IpProtocol.tcp && (packet.tcpFlags & TcpFlag.syn) !== 0;
    if (isOpening || contact.isReverse) return clientHash;
    contact.reverse();
    const otherHash = contact.clientHash;
    const otherPlace = waiting.find(otherHash, contact);
    if (otherPlace !== -1 && waiting.isSameFlow(otherPlace, contact)) return otherHash;
    contact.reverse();
    return clientHash;
  }

  /** A packet of a client that waits, or toward it. */
  private judgeSecond(place: number, clientHash: number, packet: DecodedPacket, timeUs: number): number {
    const { contact, waiting, known } = this;
    const isTcp = packet.protocol === IpProtocol.tcp;
    const isSameFlow = waiting.isSameFlow(place, contact);
    if (contact.isReverse && isTcp) {
      if (isSameFlow && (packet.tcpFlags & TcpFlag.syn) !== 0 && waiting.keepAnswer(place, packet))
        return Decision.refused;
      return this.refuse("packetsRefusedUnknown", packet, timeUs);
    }
    const isOther = !waiting.isSameService(place, contact);
    const isCarriedOn = isSameFlow && isTcp && (packet.tcpFlags & TcpFlag.syn) === 0;
    const budget = isOther || isCarriedOn ? this.knownBudget : this.retryBudget;
    if (!budget.take()) return this.refuse("packetsRefusedBudget", packet, timeUs);
    if (isOther) known.add(clientHash);
    this.recalled = place;
    return Decision.withFirst;
  }

  private judgeKnown(clientHash: number, packet: DecodedPacket, timeUs: number): number {
    const { serviceHash } = this.contact;
    if (this.pairRates.isAbove(clientHash ^ Math.imul(serviceHash, 0x9e3779b1)))
      return this.refuse("packetsRefusedBusy", packet, timeUs);
    if (this.sourceRates.isAbove(clientHash)) return this.refuse("packetsRefusedBusy", packet, timeUs);
    if (!this.knownBudget.take()) return this.refuse("packetsRefusedBudget", packet, timeUs);
    return Decision.admitted;
  }

  /** Too many unknown sources ask for this port or host. */
  private isFlooded(): boolean {
    const isPortFlooded = this.portRates.isAbove(this.contact.serviceHash);
    // What goes to a flooded port says nothing about the other ports of its host.
    return isPortFlooded || this.hostRates.isAbove(this.contact.hostHash);
  }

  private displace(place: number): void {
    const { packet, displaced, waiting } = this;
    const timeUs = waiting.timeUs(place);
    waiting.loadPacket(place, packet);
    displaced.load(packet);
    this.count("packetsRefusedUnknown", displaced, packet, timeUs);
    if (waiting.answerBytes(place) > 0) {
      waiting.loadAnswer(place, packet);
      displaced.load(packet);
      this.count("packetsRefusedUnknown", displaced, packet, timeUs);
    }
    waiting.free(place);
  }

  private refuse(reason: Reason, packet: DecodedPacket, timeUs: number): number {
    this.count(reason, this.contact, packet, timeUs);
    return Decision.refused;
  }

  private count(reason: Reason, contact: NewContact, packet: DecodedPacket, timeUs: number): void {
    this.counters[reason]++;
    this.counters.bytesRefused += packet.ipLength;
    this.refused.add(contact, packet, timeUs);
  }
}
