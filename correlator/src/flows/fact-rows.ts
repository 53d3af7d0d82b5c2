import type { ArpColumns, FlowColumns } from "@picket/proto/batch/flow-columns.js";
import type { Policy } from "../policy/policy.js";
import type { AddressKey } from "../windows/address-key.js";
import type { AddFact, FactKind, FactObservation } from "../windows/fact-window.js";
import type { BatchAddresses } from "./batch-addresses.js";
import { finishHash, mixWord } from "./flow-hash.js";
import type { ArpRow, FactObserver, FlowRow } from "./flow-row.js";
import { SeenContacts } from "./seen-contacts.js";

const protocols = 256;
const memberBytesMax = 255;
const subjectBytesMax = 64;
/** Facts that were written once and are remembered. */
const seenMax = 1 << 15;

/** Shows every record of a batch to the observers and keeps the facts they add. */
export class FactRows {
  private facts: FactObservation[] = [];
  private readonly flow: BatchFlowRow;
  private readonly arp: BatchArpRow;
  /** Who is shown a flow, by its protocol and whether its contact is new. */
  private readonly flowObservers: readonly (readonly FactObserver[])[];
  private readonly arpObservers: readonly FactObserver[];
  private sensor = 0;
  private seen: SeenContacts | undefined;
  private readonly factTime = new Float64Array(1);

  constructor(
    observers: readonly FactObserver[],
    addresses: BatchAddresses,
    private readonly isLate: (kind: FactKind, timeMs: number) => boolean,
    policy: Policy,
    private readonly seed: number,
  ) {
    this.flow = new BatchFlowRow(addresses, policy);
    this.arp = new BatchArpRow(addresses, policy);
    const all = observers.filter(({ observeFlow }) => observeFlow !== undefined);
    this.flowObservers = Array.from({ length: protocols * 2 }, (_, index) =>
      all.filter((observer) => isShown(observer, index >>> 1, (index & 1) === 1)),
    );
    this.arpObservers = observers.filter(({ observeArp }) => observeArp !== undefined);
  }

  setPolicy(policy: Policy): void {
    this.flow.policy = policy;
    this.arp.policy = policy;
  }

  /** Forgets what was written, because it may be gone. */
  forget(): void {
    this.seen?.clear();
  }

  /**
   * @param isNewContact by row; see `FlowRow`
   * @param correctionMs added to every time
   */
  observe(
    columns: FlowColumns,
    { sensor, contribution, clockCorrectionMs: correctionMs }: BatchIdentity,
    isNewContact: Uint8Array,
  ): void {
    this.sensor = sensor;
    this.flow.load(columns, contribution, isNewContact);
    for (let row = 0; row < columns.length; row++) {
      this.flow.at(row, correctionMs);
      const observers = this.flowObservers[columns.protocol[row] * 2 + isNewContact[row]];
      for (let index = 0; index < observers.length; index++)
        observers[index].observeFlow?.(this.flow, this.add);
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

  private isSeen(kind: FactKind, subject: string, member: string, timeMs: number): boolean {
    this.seen ??= new SeenContacts(seenMax);
    const slice = mixWord(mixWord(this.seed ^ kind.id, Math.floor(timeMs / kind.sliceMs)), this.sensor);
    const high = finishHash(mixText(mixText(slice, subject), member));
    this.factTime[0] = timeMs;
    return this.seen.has(high, finishHash(mixText(mixText(~slice, member), subject)), this.factTime, 0);
  }

  private readonly add: AddFact = (kind, subject, member, timeMs, value = 0) => {
    if (this.isLate(kind, timeMs)) return;
    if (kind.isOnce === true && this.isSeen(kind, subject, member, timeMs)) return;
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

function isShown(
  { protocols: shown, needsNewContact }: FactObserver,
  protocol: number,
  isNew: boolean,
): boolean {
  return (shown === undefined || shown.includes(protocol)) && (isNew || needsNewContact !== true);
}

/** See `BatchContext`. */
interface BatchIdentity {
  readonly sensor: number;
  readonly contribution: string;
  readonly clockCorrectionMs: number;
}

function mixText(hash: number, text: string): number {
  let mixed = mixWord(hash, text.length);
  for (let i = 0; i < text.length; i++) mixed = mixWord(mixed, text.charCodeAt(i));
  return mixed;
}

class BatchFlowRow implements FlowRow {
  columns!: FlowColumns;
  row = 0;
  timeMs = 0;
  endMs = 0;
  contribution = "";
  isNewContact = false;
  private newContacts: Uint8Array = new Uint8Array(0);

  constructor(
    readonly addresses: BatchAddresses,
    public policy: Policy,
  ) {}

  load(columns: FlowColumns, contribution: string, newContacts: Uint8Array): void {
    this.columns = columns;
    this.newContacts = newContacts;
    this.contribution = contribution;
  }

  at(row: number, correctionMs: number): void {
    this.row = row;
    this.isNewContact = this.newContacts[row] === 1;
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
