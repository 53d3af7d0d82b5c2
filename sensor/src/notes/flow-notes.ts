import {
  Application,
  fingerprintBytes,
  nameBytesMax,
  Outcome,
  ProbeKind,
  RecordKind,
} from "@picket/proto/batch/flow-columns.js";
import type { DecodedPacket } from "../decode/decoded-packet.js";
import { IpProtocol } from "../decode/ip-protocol.js";
import type { FlowRecordSink } from "../metering/flow-record-sink.js";
import { hintBytesMin, isTextLike, textApplication } from "./application-hint.js";
import { readDnsQuestion, readDnsQuestionOfStream } from "./dns-question.js";
import { HostName, NameResult } from "./host-name.js";
import { NameAllowance } from "./name-allowance.js";
import { NameRing } from "./name-ring.js";
import type { NotesCounters } from "./notes-counters.js";
import type { NotesSettings } from "./notes-settings.js";
import { isStratum } from "./stratum-hint.js";
import { fingerprintMemory, SynFingerprint } from "./syn-fingerprint.js";
import { readServerName, TlsRecord, tlsRecord } from "./tls-server-name.js";

const synAndAck = 0x12;
const syn = 0x02;

/** State of a flow: payload of this way is still wanted. */
const forwardOpen = 0x01;
const reverseOpen = 0x02;
const bothOpen = forwardOpen | reverseOpen;
const isTcp = 0x04;
const hasFingerprint = 0x08;

/** A name waits for its flow's record at most about this long: the hold time of UDP, and some more. */
const nameWaitSeconds = 8;
const nameRingBytesMax = 4 << 20;
const lengthMax = 0xffff;

/**
 * What the bytes of flows say, by the slots of the flow table: the fingerprint
 * of the initiator's SYN, the application of the first payloads, and the host
 * name a flow asks for or names. Nothing is allocated per packet.
 *
 * Payload is wanted each way until the application is known, the bytes are no
 * text (what is looked for behind the first packet is text) or a limit is
 * reached. A flow is looked into by its first packets, so a name or an
 * application is that of the beginning.
 */
export class FlowNotes {
  private readonly state: Uint8Array;
  private readonly application: Uint8Array;
  /** Payloads and their bytes by the headers: two a slot, forward and reverse. */
  private readonly packets: Uint8Array;
  private readonly payloadBytes: Uint16Array;
  private readonly fingerprints: Uint8Array;
  /** Place in the ring and length of the name that waits; length 0 without one. */
  private readonly namePlace: Float64Array;
  private readonly nameLength: Uint8Array;

  private readonly synFingerprint = new SynFingerprint();
  private readonly name = new HostName();
  private readonly names: NameRing;
  private readonly allowance: NameAllowance;

  /** `flowsMax`: slots go from 0 to below it. */
  constructor(
    private readonly settings: NotesSettings,
    flowsMax: number,
    private readonly counters: NotesCounters,
  ) {
    this.state = new Uint8Array(flowsMax);
    this.application = new Uint8Array(flowsMax);
    this.packets = new Uint8Array(flowsMax * 2);
    this.payloadBytes = new Uint16Array(flowsMax * 2);
    this.fingerprints = fingerprintMemory(flowsMax);
    this.namePlace = new Float64Array(flowsMax);
    this.nameLength = new Uint8Array(flowsMax);
    const ringBytes = Math.max(nameBytesMax, settings.nameBytesPerSecond * nameWaitSeconds);
    this.names = new NameRing(settings.names ? Math.min(nameRingBytesMax, ringBytes) : nameBytesMax);
    this.allowance = new NameAllowance(settings.namesPerSecond, settings.nameBytesPerSecond);
  }

  /** First packet of a flow in `slot` (the initiator's); `bytes` is the memory of the frame. */
  open(slot: number, packet: DecodedPacket, bytes: Uint8Array): void {
    const { protocol } = packet;
    this.application[slot] = Application.unknown;
    this.nameLength[slot] = 0;
    this.packets[slot * 2] = 0;
    this.packets[slot * 2 + 1] = 0;
    this.payloadBytes[slot * 2] = 0;
    this.payloadBytes[slot * 2 + 1] = 0;
    if (protocol !== IpProtocol.tcp) {
      this.state[slot] = protocol === IpProtocol.udp ? bothOpen : 0;
      return;
    }
    const isRead = (packet.tcpFlags & synAndAck) === syn && this.readSyn(slot, packet, bytes);
    this.state[slot] = isRead ? bothOpen | isTcp | hasFingerprint : bothOpen | isTcp;
  }

  /** True while the first payload bytes of `slot` are still wanted. */
  wantsPayload(slot: number): boolean {
    return (this.state[slot] & bothOpen) !== 0;
  }

  /**
   * A packet with payload, from the initiator or not, captured at `timeUs`.
   * Returns whether more is wanted.
   */
  payload(
    slot: number,
    fromInitiator: boolean,
    packet: DecodedPacket,
    bytes: Uint8Array,
    timeUs: number,
  ): boolean {
    const way = fromInitiator ? forwardOpen : reverseOpen;
    if (this.count(slot, fromInitiator ? 0 : 1, packet.payloadLength) && (this.state[slot] & way) !== 0) {
      const offset = packet.payloadOffset;
      const end = Math.min(offset + packet.payloadCaptured, bytes.length);
      if ((this.state[slot] & isTcp) === 0) this.readDatagram(slot, packet, bytes, offset, end, timeUs);
      else this.readSegment(slot, way, packet, bytes, offset, end, timeUs);
    }
    return this.wantsPayload(slot);
  }

  /**
   * Writes application, fingerprint and name of `slot` to `row`, once kind and
   * outcome of the record are in its columns. A name goes with the first record
   * after it was seen. A fingerprint goes with the first record of a contact
   * that was not answered, as scanners are grouped by it, and of any contact
   * with a scanner's mark.
   */
  write(slot: number, sink: FlowRecordSink, row: number): void {
    const { columns } = sink;
    columns.application[row] = this.application[slot];
    if (this.nameLength[slot] !== 0) this.writeName(slot, sink, row);
    if ((this.state[slot] & hasFingerprint) === 0) return;
    const kind = columns.recordKind[row];
    if (kind !== RecordKind.first && kind !== RecordKind.only) return;
    const at = slot * fingerprintBytes;
    const isWanted =
      columns.outcome[row] !== Outcome.answered || this.fingerprints[at + 1] !== ProbeKind.none;
    if (isWanted && !sink.setFingerprint(row, this.fingerprints, at)) this.counters.notesWithoutRoom++;
  }

  /** The slot is free. */
  close(slot: number): void {
    this.state[slot] = 0;
    this.nameLength[slot] = 0;
  }

  private readSyn(slot: number, packet: DecodedPacket, bytes: Uint8Array): boolean {
    const kind = this.synFingerprint.write(packet, bytes, this.fingerprints, slot * fingerprintBytes);
    if (kind === -1) return false;
    this.counters.synFingerprints++;
    if (kind !== ProbeKind.none) this.counters.probeMarks++;
    return true;
  }

  /** Counts a payload; false, and nothing is wanted any more, when both ways together reached the limit. */
  private count(slot: number, way: 0 | 1, payloadLength: number): boolean {
    const at = slot * 2 + way;
    this.packets[at]++;
    this.payloadBytes[at] = Math.min(lengthMax, this.payloadBytes[at] + payloadLength);
    // One way may stay silent for ever.
    if (this.packets[slot * 2] + this.packets[slot * 2 + 1] <= this.settings.payloadPacketsMax * 2)
      return true;
    this.state[slot] &= ~bothOpen;
    return false;
  }

  /** A datagram is whole: the first one says all. */
  private readDatagram(
    slot: number,
    packet: DecodedPacket,
    bytes: Uint8Array,
    offset: number,
    end: number,
    timeUs: number,
  ): void {
    const isCut = packet.payloadCaptured < packet.payloadLength;
    const result = readDnsQuestion(bytes, offset, end, isCut, this.name);
    this.decide(slot, result === NameResult.noMessage ? Application.other : Application.dns);
    if (this.take(slot, result, timeUs)) this.counters.dnsNames++;
  }

  private readSegment(
    slot: number,
    way: number,
    packet: DecodedPacket,
    bytes: Uint8Array,
    offset: number,
    end: number,
    timeUs: number,
  ): void {
    if (this.application[slot] === Application.unknown) this.application[slot] = Application.other;
    if (end - offset >= hintBytesMin) {
      const record = tlsRecord(bytes, offset, end);
      if (record !== TlsRecord.none) {
        this.readTls(slot, record, bytes, offset, end, timeUs);
        return;
      }
      const application = this.plainApplication(slot, packet, bytes, offset, end, timeUs);
      if (application !== Application.other) {
        this.decide(slot, application);
        return;
      }
    }
    if (this.isEnough(slot, way, bytes, offset, end)) this.state[slot] &= ~way;
  }

  /** A server's hello leaves the client's wanted, which may come later in a reordered view. */
  private readTls(
    slot: number,
    record: TlsRecord,
    bytes: Uint8Array,
    offset: number,
    end: number,
    timeUs: number,
  ): void {
    if (record === TlsRecord.serverHello && this.packets[slot * 2] === 0) {
      this.application[slot] = Application.tls;
      this.state[slot] &= ~reverseOpen;
      return;
    }
    this.decide(slot, Application.tls);
    if (record !== TlsRecord.clientHello || !this.settings.names) return;
    const result = readServerName(bytes, offset, end, this.name);
    if (this.take(slot, result, timeUs)) this.counters.tlsNames++;
  }

  private plainApplication(
    slot: number,
    packet: DecodedPacket,
    bytes: Uint8Array,
    offset: number,
    end: number,
    timeUs: number,
  ): Application {
    if (!isTextLike(bytes, offset, end)) {
      const result = readDnsQuestionOfStream(bytes, offset, end, packet.payloadLength, this.name);
      if (result === NameResult.noMessage) return Application.other;
      if (this.take(slot, result, timeUs)) this.counters.dnsNames++;
      return Application.dns;
    }
    const application = textApplication(bytes, offset, end);
    if (application !== Application.other) return application;
    const textEnd = Math.min(end, offset + this.settings.payloadBytesMax);
    return isStratum(bytes, offset, textEnd) ? Application.stratum : Application.other;
  }

  private decide(slot: number, application: Application): void {
    if (this.application[slot] <= Application.other) this.application[slot] = application;
    this.state[slot] &= ~bothOpen;
  }

  /** Nothing more to expect of this way: enough was seen, or it is binary. A byte or three say nothing. */
  private isEnough(slot: number, way: number, bytes: Uint8Array, offset: number, end: number): boolean {
    const at = slot * 2 + (way === forwardOpen ? 0 : 1);
    if (this.payloadBytes[at] >= this.settings.payloadBytesMax) return true;
    if (this.packets[at] >= this.settings.payloadPacketsMax) return true;
    return end - offset >= hintBytesMin && !isTextLike(bytes, offset, end);
  }

  /** Keeps the name just read for the flow's record; false when there is none to keep. */
  private take(slot: number, result: NameResult, timeUs: number): boolean {
    const { counters, name } = this;
    if (result <= NameResult.none || !this.settings.names) return false;
    if (result === NameResult.truncated) counters.namesTruncated++;
    else if (result === NameResult.refused) counters.namesRefused++;
    else if (!this.allowance.take(name.length, timeUs)) counters.namesAboveRate++;
    else {
      this.namePlace[slot] = this.names.add(name.bytes, name.length);
      this.nameLength[slot] = name.length;
      return true;
    }
    return false;
  }

  private writeName(slot: number, sink: FlowRecordSink, row: number): void {
    const offset = this.names.offsetOf(this.namePlace[slot]);
    if (offset === -1) this.counters.namesDisplaced++;
    else if (!sink.setName(row, this.names.bytes, offset, this.nameLength[slot]))
      this.counters.notesWithoutRoom++;
    this.nameLength[slot] = 0;
  }
}
