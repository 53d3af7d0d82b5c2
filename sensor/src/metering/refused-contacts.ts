import {
  FlowEndReason,
  HostDirection,
  Outcome,
  RecordKind,
  StealthKind,
} from "@picket/proto/batch/flow-columns.js";
import type { DecodedPacket } from "../decode/decoded-packet.js";
import type { FlowRecordSink } from "./flow-record-sink.js";
import type { HostView } from "./host-view.js";
import { type NewContact, serviceAt } from "./new-contact.js";

const recordIntervalUs = 1_000_000;
/** Words 0 to 3 service's address, 4 port, 5 protocol, 6 and 7 TCP flags toward it and from it. */
const wordsShift = 3;
const portAt = 4;
const protocolAt = 5;
const flagsAt = 6;
/** Doubles: packets toward and from the service, bytes, first and last time. */
const doublesShift = 3;
const bytesAt = 2;
const startUsAt = 4;
const endUsAt = 5;
/** When this share of the cells is used, contacts are told by host only. */
const finePartMax = 0.75;
const allPorts = 0;

/**
 * What was refused a place in the flow table, by the port that was asked for:
 * one record a second for each, from the unspecified address, with outcome
 * unknown and end reason "lack of resources". Its packets are in no other
 * record. Bounded: when there are too many ports, by host (port 0), and what
 * is beyond that in one record toward the unspecified address.
 */
export class RefusedContacts {
  /** Packets and bytes so far. */
  packets = 0;
  bytes = 0;
  records = 0;
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;
  /** Cell + 1 by hash, or 0. */
  private readonly index: Int32Array;
  private readonly indexShift: number;
  private readonly cellsMax: number;
  private cells = 0;
  /** The cell of the packet before. */
  private newest = 0;
  private dueUs = Number.POSITIVE_INFINITY;

  /** `recordsMax` is how many records there are a second at most, at least 2. */
  constructor(
    recordsMax: number,
    private readonly host: HostView,
    private readonly sink: FlowRecordSink,
  ) {
    this.cellsMax = recordsMax;
    this.words = new Int32Array(recordsMax << wordsShift);
    this.doubles = new Float64Array(recordsMax << doublesShift);
    const indexBits = Math.ceil(Math.log2(recordsMax)) + 1;
    this.index = new Int32Array(1 << indexBits);
    this.indexShift = 32 - indexBits;
  }

  /** A packet of `contact`. */
  add(contact: NewContact, packet: DecodedPacket, timeUs: number): void {
    this.packets++;
    this.bytes += packet.ipLength;
    const cell = this.cellOf(contact, timeUs);
    const way = contact.isReverse ? 1 : 0;
    const doublesAt = cell << doublesShift;
    const { doubles } = this;
    this.words[(cell << wordsShift) + flagsAt + way] |= packet.tcpFlags;
    doubles[doublesAt + way] += 1;
    doubles[doublesAt + bytesAt + way] += packet.ipLength;
    if (timeUs < doubles[doublesAt + startUsAt]) doubles[doublesAt + startUsAt] = timeUs;
    if (timeUs > doubles[doublesAt + endUsAt]) doubles[doublesAt + endUsAt] = timeUs;
    if (this.dueUs === Number.POSITIVE_INFINITY) this.dueUs = timeUs + recordIntervalUs;
  }

  /** Writes the records when they are due. */
  advance(nowUs: number): void {
    if (nowUs >= this.dueUs || nowUs < this.dueUs - 2 * recordIntervalUs) this.flush();
  }

  /** Writes the records at hand. */
  flush(): void {
    this.dueUs = Number.POSITIVE_INFINITY;
    if (this.cells === 0) return;
    for (let cell = 0; cell < this.cells; cell++) this.write(cell);
    this.index.fill(0);
    this.cells = 0;
  }

  private cellOf(contact: NewContact, timeUs: number): number {
    // A flood goes to one port.
    if (this.newest < this.cells && this.isCellOf(this.newest, contact, contact.servicePort))
      return this.newest;
    this.newest = this.findCell(contact, timeUs);
    return this.newest;
  }

  private isCellOf(cell: number, contact: NewContact, port: number): boolean {
    const { words } = this;
    const at = cell << wordsShift;
    return (
      words[at + 3] === contact.words[serviceAt + 3] &&
      words[at + portAt] === port &&
      words[at + protocolAt] === contact.protocol &&
      words[at + 2] === contact.words[serviceAt + 2] &&
      words[at + 1] === contact.words[serviceAt + 1] &&
      words[at] === contact.words[serviceAt]
    );
  }

  private findCell(contact: NewContact, timeUs: number): number {
    const isFine = this.cells < this.cellsMax * finePartMax;
    const cell = this.find(contact, contact.serviceHash, contact.servicePort, timeUs, isFine);
    if (cell !== -1) return cell;
    const isRoomy = this.cells < this.cellsMax - 1;
    const hostCell = this.find(contact, contact.hostHash, allPorts, timeUs, isRoomy);
    return hostCell === -1 ? this.lastCell(timeUs) : hostCell;
  }

  private find(contact: NewContact, hash: number, port: number, timeUs: number, mayAdd: boolean): number {
    const { index, words } = this;
    const mask = index.length - 1;
    let i = hash >>> this.indexShift;
    for (; index[i] !== 0; i = (i + 1) & mask)
      if (this.isCellOf(index[i] - 1, contact, port)) return index[i] - 1;
    if (!mayAdd) return -1;
    const cell = this.open(timeUs);
    index[i] = cell + 1;
    const at = cell << wordsShift;
    for (let word = 0; word < 4; word++) words[at + word] = contact.words[serviceAt + word];
    words[at + portAt] = port;
    words[at + protocolAt] = contact.protocol;
    return cell;
  }

  /** The cell of everything else, toward the unspecified address. */
  private lastCell(timeUs: number): number {
    const { cellsMax } = this;
    if (this.cells === cellsMax) return cellsMax - 1;
    const cell = this.open(timeUs);
    this.words[(cell << wordsShift) + 2] = 0xffff;
    return cell;
  }

  private open(timeUs: number): number {
    const cell = this.cells++;
    this.words.fill(0, cell << wordsShift, (cell + 1) << wordsShift);
    this.doubles.fill(0, cell << doublesShift, (cell + 1) << doublesShift);
    this.doubles[(cell << doublesShift) + startUsAt] = timeUs;
    this.doubles[(cell << doublesShift) + endUsAt] = timeUs;
    return cell;
  }

  private write(cell: number): void {
    const { words, doubles, sink } = this;
    const at = cell << wordsShift;
    const doublesAt = cell << doublesShift;
    const { columns } = sink;
    const row = this.appendRow(at);
    columns.sourcePort[row] = 0;
    columns.destinationPort[row] = words[at + portAt];
    columns.protocol[row] = words[at + protocolAt];
    columns.outcome[row] = Outcome.unknown;
    columns.endReason[row] = FlowEndReason.lackOfResources;
    columns.recordKind[row] = RecordKind.only;
    columns.stealthKind[row] = StealthKind.none;
    columns.oneSided[row] = 0;
    columns.upgrade[row] = 0;
    columns.direction[row] = this.host.isOwn(words, at) ? HostDirection.inbound : HostDirection.transit;
    columns.forwardTcpFlags[row] = words[at + flagsAt];
    columns.reverseTcpFlags[row] = words[at + flagsAt + 1];
    columns.startUs[row] = doubles[doublesAt + startUsAt];
    columns.endUs[row] = doubles[doublesAt + endUsAt];
    columns.forwardPackets[row] = doubles[doublesAt];
    columns.reversePackets[row] = doubles[doublesAt + 1];
    columns.forwardBytes[row] = doubles[doublesAt + bytesAt];
    columns.reverseBytes[row] = doubles[doublesAt + bytesAt + 1];
    this.records++;
    sink.filled(row);
  }

  /** From the unspecified address of the service's family. */
  private appendRow(at: number): number {
    const { words } = this;
    const isIpv4 = words[at] === 0 && words[at + 1] === 0 && words[at + 2] === 0xffff;
    return this.sink.append(
      0,
      0,
      isIpv4 ? 0xffff : 0,
      0,
      words[at] >>> 0,
      words[at + 1] >>> 0,
      words[at + 2] >>> 0,
      words[at + 3] >>> 0,
    );
  }
}
