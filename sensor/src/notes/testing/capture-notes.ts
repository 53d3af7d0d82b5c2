import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import { applicationNames, type FlowColumns, Outcome, RecordKind } from "@picket/proto/batch/flow-columns.js";
import { DecodedPacket, DecodeResult } from "../../decode/decoded-packet.js";
import { decodeFrame } from "../../decode/decode-frame.js";
import { readAll } from "../../capture/testing/read-all.js";
import type { FlowRecordSink } from "../../metering/flow-record-sink.js";
import { FlowNotes } from "../flow-notes.js";
import { NotesCounters } from "../notes-counters.js";
import { notesDefaults } from "../notes-settings.js";
import { fingerprintText } from "./fingerprint-text.js";

/** What the notes of one flow came to. */
export interface FlowNote {
  readonly application: string;
  /** Empty without one. */
  readonly name: string;
  /** Empty without one. */
  readonly fingerprint: string;
}

/** One row at a time, which is read back at once. */
export class NoteSink implements FlowRecordSink {
  readonly columns: FlowColumns;
  private readonly builder = new FlowBatchBuilder(16);

  constructor() {
    this.columns = this.builder.columns;
  }

  append(
    s0: number,
    s1: number,
    s2: number,
    s3: number,
    d0: number,
    d1: number,
    d2: number,
    d3: number,
  ): number {
    this.builder.reset();
    return this.builder.append(s0, s1, s2, s3, d0, d1, d2, d3);
  }

  filled(): void {}

  setFingerprint(row: number, bytes: Uint8Array, offset: number): boolean {
    return this.builder.setFingerprint(row, bytes, offset);
  }

  setName(row: number, bytes: Uint8Array, offset: number, length: number): boolean {
    return this.builder.setName(row, bytes, offset, length);
  }

  appendArp(): number {
    return -1;
  }

  arpFilled(): void {}

  /** Writes `slot` as the only record of a flow with `outcome`. */
  noteOf(notes: FlowNotes, slot: number, outcome: Outcome = Outcome.ignored): FlowNote {
    const { columns } = this;
    const row = this.append(0, 0, 0xffff, 1, 0, 0, 0xffff, 2);
    columns.recordKind[row] = RecordKind.only;
    columns.outcome[row] = outcome;
    notes.write(slot, this, row);
    const name = columns.name[row] === 0 ? [] : columns.nameBytes.subarray(0, columns.nameEnds[0]);
    return {
      application: applicationNames[columns.application[row]],
      name: String.fromCharCode(...name),
      fingerprint: columns.fingerprint[row] === 0 ? "" : fingerprintText(columns.fingerprints),
    };
  }
}

/** The notes of every flow of a capture file, each packet cut to `snapLengthBytes`. */
export async function captureNotes(
  path: string,
  snapLengthBytes = 65_535,
): Promise<{ readonly flows: readonly FlowNote[]; readonly counters: NotesCounters }> {
  const counters = new NotesCounters();
  const flowsMax = 65_536;
  const settings = { ...notesDefaults, namesPerSecond: 1e6, nameBytesPerSecond: 1e6 };
  const notes = new FlowNotes(settings, flowsMax, counters);
  const slots = new Map<string, number>();
  const packet = new DecodedPacket();
  for (const { bytes, linkType, timeUs } of (await readAll(path)).packets) {
    const captured = Math.min(bytes.length, snapLengthBytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (decodeFrame(bytes, view, 0, captured, linkType, packet) !== DecodeResult.flow) continue;
    const source = `${packet.source0},${packet.source1},${packet.source3}:${packet.sourcePort}`;
    const destination = `${packet.destination0},${packet.destination1},${packet.destination3}:${packet.destinationPort}`;
    const backward = slots.get(`${packet.protocol} ${destination} ${source}`);
    const forward = slots.get(`${packet.protocol} ${source} ${destination}`);
    const slot = backward ?? forward ?? slots.size;
    if (slot === slots.size) {
      slots.set(`${packet.protocol} ${source} ${destination}`, slot);
      notes.open(slot, packet, bytes);
    }
    if (packet.payloadLength !== 0 && notes.wantsPayload(slot))
      notes.payload(slot, backward === undefined, packet, bytes, timeUs);
  }
  const sink = new NoteSink();
  return { flows: [...slots.values()].map((slot) => sink.noteOf(notes, slot)), counters };
}
