import type { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import { FlowEndReason, Outcome, RecordKind, type FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { SeededRandom } from "./seeded-random.js";

const tcp = 6;
const udp = 17;
const finSynPushAck = 0x1b;
const secondUs = 1_000_000;
/** Ordinary ends of idle UDP flows and of long TCP flows. */
const udpIdleUs = 30 * secondUs;

/** One service of the lab: how often it is used and what its flows look like. */
interface Service {
  readonly share: number;
  readonly protocol: number;
  readonly port: number;
  /** Hosts that offer it, as last octets. */
  readonly servers: readonly number[];
  readonly durationMeanUs: number;
  readonly requestBytes: readonly [min: number, max: number];
  readonly responseBytesMean: number;
}

const services: readonly Service[] = [
  {
    share: 0.5,
    protocol: udp,
    port: 53,
    servers: [2, 3],
    durationMeanUs: 9000,
    requestBytes: [55, 85],
    responseBytesMean: 60,
  },
  {
    share: 0.17,
    protocol: tcp,
    port: 80,
    servers: [10, 11, 12],
    durationMeanUs: 60_000,
    requestBytes: [300, 900],
    responseBytesMean: 9000,
  },
  {
    share: 0.29,
    protocol: tcp,
    port: 443,
    servers: [10, 11, 12, 13, 14],
    durationMeanUs: 1_500_000,
    requestBytes: [900, 3000],
    responseBytesMean: 25_000,
  },
  {
    share: 0.04,
    protocol: tcp,
    port: 22,
    servers: [5, 6, 7, 8, 9, 10],
    durationMeanUs: 60_000_000,
    requestBytes: [2000, 20_000],
    responseBytesMean: 30_000,
  },
];

/** One record still to come. */
interface Pending {
  readonly emitUs: number;
  readonly source: number;
  readonly destination: number;
  readonly sourcePort: number;
  readonly service: Service;
  readonly recordKind: RecordKind;
  readonly endReason: FlowEndReason;
  readonly startUs: number;
  readonly endUs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/**
 * Flow records of an ordinary lab in the order a sensor emits them: about 30
 * hosts of 10.20.0.0/24 that use DNS, HTTP, HTTPS and SSH, all answered. Short
 * flows give one record, others a first and a last one.
 */
export class LabFlows {
  private readonly random: SeededRandom;
  private readonly pending: Pending[] = [];

  /** `nowUs`: event time of the first flow, in microseconds since the Unix epoch. */
  constructor(
    seed: number,
    private nowUs = 1_790_000_000_000_000,
    private readonly hosts = 30,
    private readonly flowGapMeanUs = 40_000,
  ) {
    this.random = new SeededRandom(seed);
  }

  /** Appends up to `records` records; fewer when the batch is full. Returns how many. */
  appendTo(builder: FlowBatchBuilder, records: number): number {
    for (let count = 0; count < records; count++) {
      const record = this.next();
      const row = builder.append(0, 0, 0xffff, record.source, 0, 0, 0xffff, record.destination);
      if (row === -1) return count;
      fillRow(builder.columns, row, record);
    }
    return records;
  }

  /** The record emitted next; flows start until it is certain which one that is. */
  private next(): Pending {
    while (this.pending.length === 0 || this.pending[0].emitUs > this.nowUs) this.startFlow();
    const [first] = this.pending.splice(0, 1);
    return first;
  }

  private startFlow(): void {
    const { random } = this;
    this.nowUs += random.exponential(this.flowGapMeanUs);
    const service = this.pickService();
    const durationUs = 200 + random.exponential(service.durationMeanUs);
    const flow = {
      source: address(2 + random.below(this.hosts)),
      destination: address(random.pick(service.servers)),
      sourcePort: random.between(32_768, 60_999),
      service,
      startUs: this.nowUs,
      endUs: this.nowUs + durationUs,
      requestBytes: random.between(...service.requestBytes),
      responseBytes: 60 + random.exponential(service.responseBytesMean),
    };
    const endReason = service.protocol === udp ? FlowEndReason.idleTimeout : FlowEndReason.endDetected;
    const emitUs = flow.endUs + (service.protocol === udp ? udpIdleUs : 0);
    if (emitUs - flow.startUs < 2 * secondUs)
      return this.queue({ ...flow, emitUs, recordKind: RecordKind.only, endReason });
    const answeredUs = Math.min(flow.endUs, flow.startUs + random.between(200, 20_000));
    const early = service.protocol === udp ? flow : { ...flow, requestBytes: 60, responseBytes: 60 };
    this.queue({
      ...early,
      endUs: answeredUs,
      emitUs: flow.startUs + 2 * secondUs,
      recordKind: RecordKind.first,
      endReason: FlowEndReason.open,
    });
    const late = service.protocol === udp ? { ...flow, requestBytes: 0, responseBytes: 0 } : flow;
    this.queue({ ...late, emitUs, recordKind: RecordKind.last, endReason });
  }

  private pickService(): Service {
    let rest = this.random.next();
    for (const service of services) {
      rest -= service.share;
      if (rest < 0) return service;
    }
    return services[0];
  }

  /** Keeps the records in the order of their emission. */
  private queue(record: Pending): void {
    let at = this.pending.length;
    while (at > 0 && this.pending[at - 1].emitUs > record.emitUs) at--;
    this.pending.splice(at, 0, record);
  }
}

function address(host: number): number {
  return 0x0a14_0000 + host;
}

function fillRow(columns: FlowColumns, row: number, record: Pending): void {
  const { service } = record;
  const flags = service.protocol === tcp ? finSynPushAck : 0;
  columns.sourcePort[row] = record.sourcePort;
  columns.destinationPort[row] = service.port;
  columns.protocol[row] = service.protocol;
  columns.outcome[row] = Outcome.answered;
  columns.endReason[row] = record.endReason;
  columns.recordKind[row] = record.recordKind;
  columns.stealthKind[row] = 0;
  columns.oneSided[row] = 0;
  columns.upgrade[row] = 0;
  columns.forwardTcpFlags[row] = flags;
  columns.reverseTcpFlags[row] = flags;
  columns.startUs[row] = record.startUs;
  columns.endUs[row] = record.endUs;
  columns.forwardBytes[row] = layer3Bytes(record.requestBytes, service.protocol);
  columns.reverseBytes[row] = layer3Bytes(record.responseBytes, service.protocol);
  columns.forwardPackets[row] = packetsOf(record.requestBytes, service.protocol);
  columns.reversePackets[row] = packetsOf(record.responseBytes, service.protocol);
}

/** One datagram, or full segments besides handshake and teardown. */
function packetsOf(payloadBytes: number, protocol: number): number {
  if (payloadBytes === 0) return 0;
  return protocol === udp ? 1 : 4 + Math.ceil(payloadBytes / 1448);
}

function layer3Bytes(payloadBytes: number, protocol: number): number {
  return payloadBytes + packetsOf(payloadBytes, protocol) * (protocol === udp ? 0 : 52);
}
