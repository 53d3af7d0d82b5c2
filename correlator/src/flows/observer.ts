import { Outcome, RecordKind, type FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { ContactTrait, endsSeen } from "../windows/contact-traits.js";
import type { FactKind } from "../windows/fact-window.js";
import {
  contactSliceMs,
  crowdBit,
  dayMs,
  startBits,
  startSliceMs,
  type ContactObservation,
  type Observations,
} from "../windows/window-store.js";
import { BatchAddresses } from "./batch-addresses.js";
import { BatchFingerprints } from "./batch-fingerprints.js";
import { finishHash, mixWord } from "./flow-hash.js";
import { defaultPolicy, type Policy } from "../policy/policy.js";
import { FactRows } from "./fact-rows.js";
import type { FactObserver } from "./flow-row.js";
import type { HomeNetworks } from "./home-networks.js";
import { NewStarts } from "./new-starts.js";
import { PolicyPorts } from "./port-set.js";
import { SeenContacts } from "./seen-contacts.js";

const icmp = 1;
const tcp = 6;
const udp = 17;
const icmpv6 = 58;
const sctp = 132;
const icmpEchoPort = 8 << 8;
const icmpv6EchoPort = 128 << 8;

/** Who sent a batch and how its clock runs. */
export interface BatchContext {
  /** Hash of the sensor's name. */
  readonly sensor: number;
  /** Sensor, epoch and sequence as one binary string. */
  readonly contribution: string;
  /** Added to every event time, milliseconds. */
  readonly clockCorrectionMs: number;
}

/** Counts of what was seen and why it was left out. */
export interface ObserverCounters {
  flowsObserved: number;
  flowsUncounted: number;
  startsLate: number;
  factsLate: number;
}

/**
 * Turns flow records into what they add to windows. Collects over any number of
 * batches until `take`; what this process already wrote is skipped.
 */
export class Observer {
  readonly counters: ObserverCounters = { flowsObserved: 0, flowsUncounted: 0, startsLate: 0, factsLate: 0 };
  private failed: ContactObservation[] = [];
  private answered: ContactObservation[] = [];
  private readonly starts = new NewStarts();
  private readonly seen = new SeenContacts();
  private readonly addresses = new BatchAddresses();
  private readonly fingerprints = new BatchFingerprints();
  private readonly facts: FactRows;
  /** 1 at the rows of the batch whose contact was not seen before. */
  private newContacts = new Uint8Array(0);
  /** Corrected start of each row, milliseconds of event time: in a column, because a number handed on is boxed. */
  private times = new Float64Array(0);
  private policy: Policy = defaultPolicy;
  private readonly reflectors = new PolicyPorts();
  /** Slices of starts that end at or before this are closed: later records no longer count there. */
  private startsClosedUntilMs = 0;

  /** @param seed random number that keys this process's hashes; the sketch positions do not depend on it. */
  constructor(
    private home: HomeNetworks,
    private readonly seed: number = 0,
    observers: readonly FactObserver[] = [],
  ) {
    this.facts = new FactRows(observers, this.addresses, this.isFactLate, defaultPolicy, seed);
  }

  setPolicy(policy: Policy): void {
    this.policy = policy;
    this.facts.setPolicy(policy);
  }

  setHome(home: HomeNetworks): void {
    this.home = home;
    this.forget();
  }

  /** Rate series no longer take what ended before the watermark. */
  closeStarts(untilMs: number): void {
    this.startsClosedUntilMs = Math.max(this.startsClosedUntilMs, untilMs);
  }

  /** Forgets what was written, because it may be gone. */
  forget(): void {
    this.seen.clear();
    this.facts.forget();
  }

  observe(columns: FlowColumns, context: BatchContext): void {
    this.addresses.load(columns, this.home, this.seed);
    this.fingerprints.load(columns);
    this.loadTimes(columns, context.clockCorrectionMs);
    for (let row = 0; row < columns.length; row++) {
      this.newContacts[row] = this.observeContact(columns, row, context.sensor) ? 1 : 0;
      const kind = columns.recordKind[row];
      if (kind === RecordKind.first || kind === RecordKind.only) this.observeStart(columns, row);
    }
    this.counters.flowsObserved += columns.length;
    this.starts.endBatch();
    this.facts.observe(columns, context, this.newContacts);
  }

  /** What belongs to a closed slice no longer counts: it was evaluated for the last time. */
  private readonly isFactLate = (kind: FactKind, timeMs: number): boolean => {
    const isLate = (Math.floor(timeMs / kind.sliceMs) + 1) * kind.sliceMs <= this.startsClosedUntilMs;
    if (isLate) this.counters.factsLate++;
    return isLate;
  };

  /** Everything observed since the last call. */
  take(): Observations {
    const { failed, answered } = this;
    this.failed = [];
    this.answered = [];
    return { failed, answered, starts: this.starts.take(), facts: this.facts.take() };
  }

  private loadTimes({ length, startUs }: FlowColumns, correctionMs: number): void {
    if (this.times.length < length) {
      this.times = new Float64Array(length);
      this.newContacts = new Uint8Array(length);
    }
    for (let row = 0; row < length; row++) this.times[row] = startUs[row] / 1000 + correctionMs;
  }

  /** True when the contact was not seen before. */
  private observeContact(columns: FlowColumns, row: number, sensor: number): boolean {
    const outcome = columns.outcome[row];
    if (outcome === Outcome.unknown || !this.isContact(columns, row)) {
      this.counters.flowsUncounted++;
      return false;
    }
    const isAnswered = outcome === Outcome.answered;
    const slice = Math.floor(this.times[row] / (isAnswered ? dayMs : contactSliceMs));
    if (this.isSeen(columns, row, slice, sensor)) return false;
    const contact = this.contact(columns, row, sensor);
    (isAnswered ? this.answered : this.failed).push(contact);
    return true;
  }

  private contact(columns: FlowColumns, row: number, sensor: number): ContactObservation {
    return {
      source: this.addresses.sourceKey(columns.sourceIndex[row]),
      destination: this.addresses.key(columns.destinationIndex[row]),
      protocol: columns.protocol[row],
      port: columns.destinationPort[row],
      timeMs: Math.floor(this.times[row]),
      outcome: columns.outcome[row],
      stealth: columns.stealthKind[row],
      sensor,
      crowds: this.crowdsOf(columns, row),
      traits: this.traitsOf(columns, row),
      fingerprint: this.fingerprintOf(columns, row),
    };
  }

  /** Inside hosts meet closed ports for many reasons, so that says nothing of them. */
  private traitsOf(columns: FlowColumns, row: number): number {
    const isOutside = this.addresses.isInside[columns.sourceIndex[row]] === 0;
    const closed = isOutside && columns.closedPort[row] === 1 ? ContactTrait.closedPort : 0;
    return closed | endsSeen(columns.direction[row]);
  }

  private crowdsOf(columns: FlowColumns, row: number): number {
    const targetInside = this.addresses.isInside[columns.destinationIndex[row]] === 1;
    if (columns.outcome[row] === Outcome.answered) return targetInside ? crowdBit.port : 0;
    if (!joinsCrowds(columns.protocol[row], columns.outcome[row])) return 0;
    const sourceInside = this.addresses.isInside[columns.sourceIndex[row]] === 1;
    const fleet = targetInside ? crowdBit.prefix | crowdBit.port : crowdBit.prefix;
    // What inside hosts fail to reach outside is an outage out there, not an attack in here.
    if (sourceInside && !targetInside) return fleet;
    const fingerprint = this.fingerprintOf(columns, row) === 0 ? 0 : crowdBit.fingerprint;
    return fleet | fingerprint | crowdBit.service | crowdBit.target;
  }

  /** Id of the fingerprint that a source from outside fails with inside, else 0. */
  private fingerprintOf(columns: FlowColumns, row: number): number {
    const { isInside } = this.addresses;
    if (isInside[columns.sourceIndex[row]] === 1 || isInside[columns.destinationIndex[row]] === 0) return 0;
    return columns.outcome[row] === Outcome.answered ? 0 : this.fingerprints.id(row);
  }

  /** Protocols and addresses for which a first contact means something. */
  private isContact(columns: FlowColumns, row: number): boolean {
    const group = this.addresses.isGroup;
    if (group[columns.destinationIndex[row]] === 1 || group[columns.sourceIndex[row]] === 1) return false;
    const protocol = columns.protocol[row];
    if (protocol === tcp || protocol === sctp) return true;
    if (protocol === udp) return !this.isStrayReply(columns, row);
    if (protocol === icmp) return columns.destinationPort[row] === icmpEchoPort;
    return protocol === icmpv6 && columns.destinationPort[row] === icmpv6EchoPort;
  }

  /**
   * A datagram from a service's port to a high one is a reply whose request was
   * not seen, or a reflection; not a first contact.
   */
  private isStrayReply(columns: FlowColumns, row: number): boolean {
    const sourcePort = columns.sourcePort[row];
    if (columns.destinationPort[row] < 1024) return false;
    return sourcePort < 1024 || this.reflectors.has(this.policy.amplification.ports, sourcePort);
  }

  private isSeen(columns: FlowColumns, row: number, slice: number, sensor: number): boolean {
    const source = columns.sourceIndex[row];
    const destination = columns.destinationIndex[row];
    const ports = (columns.destinationPort[row] << 8) | columns.protocol[row];
    const traits = this.traitsOf(columns, row);
    const state = (traits << 8) | (columns.outcome[row] << 4) | columns.stealthKind[row];
    const { hashHigh, hashLow } = this.addresses;
    let rest = mixWord(mixWord(mixWord(this.seed, ports), state), slice ^ sensor);
    const fingerprint = this.fingerprintOf(columns, row);
    if (fingerprint !== 0) rest = mixWord(rest, fingerprint);
    const high = finishHash(mixWord(mixWord(hashHigh[source], hashHigh[destination]), rest));
    const low = finishHash(mixWord(mixWord(hashLow[source], hashLow[destination]), rest));
    return this.seen.has(high, low, this.times, row);
  }

  private observeStart(columns: FlowColumns, row: number): void {
    const slice = Math.floor(this.times[row] / startSliceMs);
    if ((slice + 1) * startSliceMs <= this.startsClosedUntilMs) {
      this.counters.startsLate++;
      return;
    }
    const source = columns.sourceIndex[row];
    const destination = columns.destinationIndex[row];
    const { addresses, starts } = this;
    const position = flowPosition(columns, row, addresses);
    if (addresses.isInside[source] === 1) starts.add(source, true, slice, position, addresses);
    if (addresses.isInside[destination] === 1 && addresses.isGroup[destination] === 0)
      starts.add(destination, false, slice, position, addresses);
  }
}

/** Sources that fail silently over UDP, or at ICMP echo, prove little about each other. */
function joinsCrowds(protocol: number, outcome: number): boolean {
  if (protocol === icmp || protocol === icmpv6) return false;
  return protocol !== udp || outcome > Outcome.ignored;
}

/** Bit of a flow in a host's sketch: the same at every sensor that saw the flow. */
function flowPosition(columns: FlowColumns, row: number, { plainHash }: BatchAddresses): number {
  let hash = mixWord(plainHash[columns.sourceIndex[row]], plainHash[columns.destinationIndex[row]]);
  hash = mixWord(hash, (columns.sourcePort[row] << 16) | columns.destinationPort[row]);
  return (finishHash(mixWord(hash, columns.protocol[row])) >>> 0) % startBits;
}
