import type { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import {
  Application,
  FlowEndReason,
  HostDirection,
  Outcome,
  RecordKind,
} from "@picket/proto/batch/flow-columns.js";
import type { LabFlows } from "./lab-flows.js";
import { SeededRandom } from "./seeded-random.js";

const tcp = 6;
const syn = 0x02;
/** Of the records, those that are a SYN nobody accepted. */
const failedShare = 0.05;
/** Of the DNS, HTTP and TLS records, those that have a name: a third of all records. */
const namedShare = 0.355;
const namesCount = 400;
/** A host asks for both kinds of addresses and then goes there, among the visits of others. */
const flowsOfVisit = 3;
const visitsAtOnce = 4;
const labels = ["www", "api", "cdn", "mail", "static", "updates", "login", "img"] as const;
const domains = ["example.org", "example.net", "lab.example.com", "packages.example.io"] as const;

/** Fingerprints of the stacks that a lab's hosts run. */
const fingerprints = [
  Uint8Array.of(64, 0, 250, 240, 5, 180, 7, 0, 0x24, 0x83, 0x10, 0),
  Uint8Array.of(128, 0, 255, 255, 5, 180, 8, 0, 0x21, 0x31, 0x14, 0),
  Uint8Array.of(64, 0, 255, 255, 5, 180, 6, 0, 0x21, 0x31, 0x18, 0x40),
] as const;

/**
 * Lab flows as one sensor in the middle of them notes them: each with its
 * application, some failed SYNs with a fingerprint, and a third with a host
 * name; visits repeat as Zipf's law has it, over `namesCount` names.
 */
export class NotedLabFlows {
  private readonly random: SeededRandom;
  /** Names of the visits under way, once for each flow to come. */
  private readonly names: Uint8Array[] = [];

  constructor(
    seed: number,
    private readonly flows: LabFlows,
    private readonly isNamed: boolean,
  ) {
    this.random = new SeededRandom(seed);
  }

  /** Appends one record. */
  appendTo(builder: FlowBatchBuilder): void {
    this.flows.appendTo(builder, 1);
    const { columns } = builder;
    const row = columns.length - 1;
    const port = columns.destinationPort[row];
    const last = columns.addressWords[columns.sourceIndex[row] * 4 + 3] & 0xff;
    columns.direction[row] = last % 3 === 0 ? HostDirection.inbound : HostDirection.outbound;
    if (columns.protocol[row] === tcp && this.random.next() < failedShare * 2)
      return this.fail(builder, row, last);
    columns.application[row] = applicationOf(port);
    if (port !== 22 && this.isNamed && this.random.next() < namedShare) this.name(builder, row);
  }

  private fail(builder: FlowBatchBuilder, row: number, last: number): void {
    const { columns } = builder;
    columns.outcome[row] = this.random.next() < 0.5 ? Outcome.refused : Outcome.ignored;
    columns.endReason[row] = FlowEndReason.idleTimeout;
    columns.recordKind[row] = RecordKind.only;
    columns.forwardTcpFlags[row] = syn;
    columns.reverseTcpFlags[row] = 0;
    columns.closedPort[row] = columns.direction[row] === HostDirection.inbound ? 1 : 0;
    builder.setFingerprint(row, fingerprints[last % fingerprints.length], 0);
  }

  private name(builder: FlowBatchBuilder, row: number): void {
    while (this.names.length <= (visitsAtOnce - 1) * flowsOfVisit) {
      const name = Buffer.from(nameOf(Math.floor(namesCount ** this.random.next())), "latin1");
      for (let flow = 0; flow < flowsOfVisit; flow++) this.names.push(name);
    }
    const [bytes] = this.names.splice(this.random.below(this.names.length), 1);
    builder.setName(row, bytes, 0, bytes.length);
  }
}

/** Rank 1 is the name visited most. */
function nameOf(rank: number): string {
  const host = `${labels[rank % labels.length]}${rank < labels.length ? "" : rank}`;
  return `${host}.${domains[rank % domains.length]}`;
}

function applicationOf(port: number): Application {
  if (port === 53) return Application.dns;
  if (port === 80) return Application.http;
  return port === 443 ? Application.tls : Application.ssh;
}
