import {
  Application,
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
import {
  applicationAt,
  bothOpen,
  forwardOpen,
  hasFingerprint,
  isTcp,
  nameLengthAt,
  namePlaceAt,
  noteDoublesShift,
  noteShift,
  noteWordsShift,
  payloadBytesAt,
  payloadsAt,
  reverseOpen,
  stateAt,
} from "./note-layout.js";
import type { NotesCounters } from "./notes-counters.js";
import type { NotesSettings } from "./notes-settings.js";
import { isStratum } from "./stratum-hint.js";
import { SynFingerprint } from "./syn-fingerprint.js";
import { readServerName, TlsRecord, tlsRecord } from "./tls-server-name.js";

const synAndAck = 0x12;
const syn = 0x02;

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
  /** One memory by its bytes, 16-bit words and doubles; see note-layout.ts. */
  private readonly memory: Uint8Array;
  private readonly words: Uint16Array;
  private readonly doubles: Float64Array;

  private readonly synFingerprint = new SynFingerprint();
  private readonly name = new HostName();
  private names: NameRing;
  private allowance: NameAllowance;

  /** `flowsMax`: slots go from 0 to below it. */
  constructor(
    private settings: NotesSettings,
    flowsMax: number,
    private readonly counters: NotesCounters,
  ) {
    this.memory = new Uint8Array(flowsMax << noteShift);
    this.words = new Uint16Array(this.memory.buffer);
    this.doubles = new Float64Array(this.memory.buffer);
    this.names = new NameRing(ringBytesOf(settings));
    this.allowance = new NameAllowance(settings.namesPerSecond, settings.nameBytesPerSecond);
  }

  /** Other settings from now on; names that wait are lost when their ring gets another size. */
  follow(settings: NotesSettings): void {
    this.settings = settings;
    this.allowance = new NameAllowance(settings.namesPerSecond, settings.nameBytesPerSecond);
    const ringBytes = ringBytesOf(settings);
    if (ringBytes !== this.names.bytesMax) this.names = new NameRing(ringBytes, this.names);
  }

  /** First packet of a flow in `slot` (the initiator's); `bytes` is the memory of the frame. */
  open(slot: number, packet: DecodedPacket, bytes: Uint8Array): void {
    const { protocol } = packet;
    const at = slot << noteShift;
    this.memory[at + applicationAt] = Application.unknown;
    this.memory[at + nameLengthAt] = 0;
    this.memory[at + payloadsAt] = 0;
    this.memory[at + payloadsAt + 1] = 0;
    const wordsAt = (slot << noteWordsShift) + payloadBytesAt;
    this.words[wordsAt] = 0;
    this.words[wordsAt + 1] = 0;
    if (protocol !== IpProtocol.tcp) {
      this.memory[at + stateAt] = protocol === IpProtocol.udp ? bothOpen : 0;
      return;
    }
    const isRead = (packet.tcpFlags & synAndAck) === syn && this.readSyn(at, packet, bytes);
    this.memory[at + stateAt] = isRead ? bothOpen | isTcp | hasFingerprint : bothOpen | isTcp;
  }

  /** True while the first payload bytes of `slot` are still wanted. */
  wantsPayload(slot: number): boolean {
    return (this.memory[(slot << noteShift) + stateAt] & bothOpen) !== 0;
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
    const stateOf = (slot << noteShift) + stateAt;
    if (this.count(slot, fromInitiator ? 0 : 1, packet.payloadLength) && (this.memory[stateOf] & way) !== 0) {
      const offset = packet.payloadOffset;
      const end = Math.min(offset + packet.payloadCaptured, bytes.length);
      if ((this.memory[stateOf] & isTcp) === 0) this.readDatagram(slot, packet, bytes, offset, end, timeUs);
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
    const at = slot << noteShift;
    columns.application[row] = this.memory[at + applicationAt];
    if (this.memory[at + nameLengthAt] !== 0) this.writeName(slot, sink, row);
    if ((this.memory[at + stateAt] & hasFingerprint) === 0) return;
    const kind = columns.recordKind[row];
    if (kind !== RecordKind.first && kind !== RecordKind.only) return;
    const isWanted = columns.outcome[row] !== Outcome.answered || this.memory[at + 1] !== ProbeKind.none;
    if (isWanted && !sink.setFingerprint(row, this.memory, at)) this.counters.notesWithoutRoom++;
  }

  /** The slot is free. */
  close(slot: number): void {
    this.memory[(slot << noteShift) + stateAt] = 0;
    this.memory[(slot << noteShift) + nameLengthAt] = 0;
  }

  private readSyn(at: number, packet: DecodedPacket, bytes: Uint8Array): boolean {
    const kind = this.synFingerprint.write(packet, bytes, this.memory, at);
    if (kind === -1) return false;
    this.counters.synFingerprints++;
    if (kind !== ProbeKind.none) this.counters.probeMarks++;
    return true;
  }

  /** Counts a payload; false, and nothing is wanted any more, when both ways together reached the limit. */
  private count(slot: number, way: 0 | 1, payloadLength: number): boolean {
    const at = slot << noteShift;
    const wordAt = (slot << noteWordsShift) + payloadBytesAt + way;
    this.memory[at + payloadsAt + way]++;
    this.words[wordAt] = Math.min(lengthMax, this.words[wordAt] + payloadLength);
    // One way may stay silent for ever.
    const payloads = this.memory[at + payloadsAt] + this.memory[at + payloadsAt + 1];
    if (payloads <= this.settings.payloadPacketsMax * 2) return true;
    this.memory[at + stateAt] &= ~bothOpen;
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
    const at = slot << noteShift;
    if (this.memory[at + applicationAt] === Application.unknown)
      this.memory[at + applicationAt] = Application.other;
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
    if (this.isEnough(slot, way, bytes, offset, end)) this.memory[at + stateAt] &= ~way;
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
    const at = slot << noteShift;
    if (record === TlsRecord.serverHello && this.memory[at + payloadsAt] === 0) {
      this.memory[at + applicationAt] = Application.tls;
      this.memory[at + stateAt] &= ~reverseOpen;
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
    const at = slot << noteShift;
    if (this.memory[at + applicationAt] <= Application.other) this.memory[at + applicationAt] = application;
    this.memory[at + stateAt] &= ~bothOpen;
  }

  /** Nothing more to expect of this way: enough was seen, or it is binary. A byte or three say nothing. */
  private isEnough(slot: number, way: number, bytes: Uint8Array, offset: number, end: number): boolean {
    const index = way === forwardOpen ? 0 : 1;
    if (this.words[(slot << noteWordsShift) + payloadBytesAt + index] >= this.settings.payloadBytesMax)
      return true;
    if (this.memory[(slot << noteShift) + payloadsAt + index] >= this.settings.payloadPacketsMax) return true;
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
      this.doubles[(slot << noteDoublesShift) + namePlaceAt] = this.names.add(name.bytes, name.length);
      this.memory[(slot << noteShift) + nameLengthAt] = name.length;
      return true;
    }
    return false;
  }

  private writeName(slot: number, sink: FlowRecordSink, row: number): void {
    const lengthAt = (slot << noteShift) + nameLengthAt;
    const length = this.memory[lengthAt];
    const offset = this.names.offsetOf(this.doubles[(slot << noteDoublesShift) + namePlaceAt]);
    if (offset === -1) this.counters.namesDisplaced++;
    else if (!sink.setName(row, this.names.bytes, offset, length)) this.counters.notesWithoutRoom++;
    this.memory[lengthAt] = 0;
  }
}

function ringBytesOf({ names, nameBytesPerSecond }: NotesSettings): number {
  const bytes = Math.max(nameBytesMax, nameBytesPerSecond * nameWaitSeconds);
  return names ? Math.min(nameRingBytesMax, bytes) : nameBytesMax;
}
