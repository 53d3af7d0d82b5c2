import type { ArpColumns, FlowColumns } from "@picket/proto/batch/flow-columns.js";
import type { Policy } from "../policy/policy.js";
import type { AddressKey } from "../windows/address-key.js";
import type { AddFact, FactKind, FactObservation } from "../windows/fact-window.js";
import type { BatchAddresses } from "./batch-addresses.js";
import type { ArpRow, FactObserver, FlowRow } from "./flow-row.js";

const memberBytesMax = 255;
const subjectBytesMax = 64;

/** Shows every record of a batch to the observers and keeps the facts they add. */
export class FactRows {
  private facts: FactObservation[] = [];
  private readonly flow: BatchFlowRow;
  private readonly arp: BatchArpRow;
  private readonly flowObservers: readonly FactObserver[];
  private readonly arpObservers: readonly FactObserver[];
  private sensor = 0;

  constructor(
    observers: readonly FactObserver[],
    addresses: BatchAddresses,
    private readonly isLate: (kind: FactKind, timeMs: number) => boolean,
    policy: Policy,
  ) {
    this.flow = new BatchFlowRow(addresses, policy);
    this.arp = new BatchArpRow(addresses, policy);
    this.flowObservers = observers.filter(({ observeFlow }) => observeFlow !== undefined);
    this.arpObservers = observers.filter(({ observeArp }) => observeArp !== undefined);
  }

  setPolicy(policy: Policy): void {
    this.flow.policy = policy;
    this.arp.policy = policy;
  }

  /** @param correctionMs added to every time */
  observe(columns: FlowColumns, sensor: number, contribution: string, correctionMs: number): void {
    this.sensor = sensor;
    this.flow.load(columns, contribution);
    if (this.flowObservers.length > 0)
      for (let row = 0; row < columns.length; row++) {
        this.flow.at(row, correctionMs);
        for (const observer of this.flowObservers) observer.observeFlow?.(this.flow, this.add);
      }
    this.observeArp(columns, correctionMs);
  }

  /** Facts since the last call. */
  take(): FactObservation[] {
    const { facts } = this;
    this.facts = [];
    return facts;
  }

  private observeArp(columns: FlowColumns, correctionMs: number): void {
    this.arp.columns = columns.arp;
    for (let row = 0; row < columns.arp.length; row++) {
      this.arp.at(row, correctionMs);
      for (const observer of this.arpObservers) observer.observeArp?.(this.arp, this.add);
    }
  }

  private readonly add: AddFact = (kind, subject, member, timeMs, value = 0) => {
    if (this.isLate(kind, timeMs)) return;
    const { sensor } = this;
    this.facts.push({
      kind,
      subject: subject.slice(0, subjectBytesMax),
      member: member.slice(0, memberBytesMax),
      timeMs,
      value,
      sensor,
    });
  };
}

class BatchFlowRow implements FlowRow {
  columns!: FlowColumns;
  row = 0;
  timeMs = 0;
  endMs = 0;
  contribution = "";

  constructor(
    readonly addresses: BatchAddresses,
    public policy: Policy,
  ) {}

  load(columns: FlowColumns, contribution: string): void {
    this.columns = columns;
    this.contribution = contribution;
  }

  at(row: number, correctionMs: number): void {
    this.row = row;
    this.timeMs = Math.floor(this.columns.startUs[row] / 1000 + correctionMs);
    this.endMs = Math.floor(this.columns.endUs[row] / 1000 + correctionMs);
  }

  source(): AddressKey {
    return this.addresses.sourceKey(this.columns.sourceIndex[this.row]);
  }

  destination(): AddressKey {
    return this.addresses.key(this.columns.destinationIndex[this.row]);
  }

  name(): string {
    const { columns } = this;
    const place = columns.name[this.row];
    if (place === 0) return "";
    let text = "";
    const from = place === 1 ? 0 : columns.nameEnds[place - 2];
    for (let i = from; i < columns.nameEnds[place - 1]; i++)
      text += String.fromCharCode(columns.nameBytes[i]);
    return text;
  }
}

class BatchArpRow implements ArpRow {
  columns!: ArpColumns;
  row = 0;
  timeMs = 0;
  endMs = 0;

  constructor(
    private readonly addresses: BatchAddresses,
    public policy: Policy,
  ) {}

  at(row: number, correctionMs: number): void {
    this.row = row;
    this.timeMs = Math.floor(this.columns.startUs[row] / 1000 + correctionMs);
    this.endMs = Math.floor(this.columns.endUs[row] / 1000 + correctionMs);
  }

  sender(): AddressKey {
    return this.addresses.key(this.columns.senderIndex[this.row]);
  }

  target(): AddressKey {
    return this.addresses.key(this.columns.targetIndex[this.row]);
  }

  senderMac(): string {
    return this.mac(this.columns.senderMacIndex[this.row]);
  }

  targetMac(): string {
    return this.mac(this.columns.targetMacIndex[this.row]);
  }

  private mac(index: number): string {
    return String.fromCharCode(...this.columns.macs.subarray(index * 6, index * 6 + 6));
  }
}
