import { FlowEndReason, Outcome } from "@picket/proto/batch/flow-columns.js";
import { DecodedPacket } from "../../decode/decoded-packet.js";
import { FlowMeter } from "../flow-meter.js";
import { type MeteringSettings, meteringSettings } from "../metering-settings.js";
import { OneRecordSink } from "./one-record-sink.js";
import { scriptStartUs } from "./packet-script.js";

const noBytes = new Uint8Array(0);
const syn = 0x02;

/** A packet, by the last words of IPv4 addresses. */
export interface FloodPacket {
  readonly source: number;
  readonly sourcePort: number;
  readonly destination: number;
  readonly destinationPort: number;
  readonly flags?: number;
  readonly sequence?: number;
  readonly acknowledgement?: number;
  readonly protocol?: number;
  readonly length?: number;
}

/** What the records say of one source. */
interface SourceTotals {
  packets: number;
  reversePackets: number;
  records: number;
  outcomes: Set<number>;
}

/** Meters packets of many hosts at rates, and adds up what the records say by their source; for tests. */
export class FloodScript extends OneRecordSink {
  readonly meter: FlowMeter;
  packets = 0;
  bytes = 0;
  records = 0;
  /** Records of flows that had to go. */
  evictedAnswered = 0;
  sent = 0;
  sentBytes = 0;
  private readonly sources = new Map<number, SourceTotals>();
  private readonly packet = new DecodedPacket();
  private state = 7;

  constructor(settings: Partial<MeteringSettings>) {
    super();
    this.meter = new FlowMeter(meteringSettings({ seed: 11, ...settings }), this);
  }

  send(atUs: number, values: FloodPacket): void {
    const { packet } = this;
    packet.source2 = packet.destination2 = 0xffff;
    packet.source3 = values.source;
    packet.destination3 = values.destination;
    packet.sourcePort = values.sourcePort;
    packet.destinationPort = values.destinationPort;
    packet.protocol = values.protocol ?? 6;
    packet.tcpFlags = packet.protocol === 6 ? (values.flags ?? syn) : 0;
    packet.tcpSequence = values.sequence ?? 1;
    packet.tcpAcknowledgement = values.acknowledgement ?? 0;
    packet.ipLength = values.length ?? 40;
    this.sent++;
    this.sentBytes += packet.ipLength;
    this.meter.process(packet, scriptStartUs + atUs, noBytes);
  }

  /** A whole number below 2^32, the same in every run. */
  random(): number {
    let mixed = (this.state = (this.state + 0x9e3779b9) | 0);
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }

  wait(fromUs: number, toUs: number): void {
    for (let atUs = fromUs; atUs <= toUs; atUs += 100_000) this.meter.advance(scriptStartUs + atUs);
  }

  /** What the records say of a source so far. */
  of(source: number): SourceTotals {
    return this.sources.get(source) ?? { packets: 0, reversePackets: 0, records: 0, outcomes: new Set() };
  }

  filled(row: number): void {
    const { columns } = this;
    const source = columns.addressWords[columns.sourceIndex[row] * 4 + 3];
    this.records++;
    this.packets += columns.forwardPackets[row] + columns.reversePackets[row];
    this.bytes += columns.forwardBytes[row] + columns.reverseBytes[row];
    const isEvicted = columns.endReason[row] === FlowEndReason.lackOfResources;
    if (isEvicted && columns.outcome[row] === Outcome.answered) this.evictedAnswered++;
    const totals = this.of(source);
    totals.packets += columns.forwardPackets[row];
    totals.reversePackets += columns.reversePackets[row];
    totals.records++;
    totals.outcomes.add(columns.outcome[row]);
    this.sources.set(source, totals);
  }
}
