import type { FactKind, FactMember, FactObservation, FactWindow } from "./fact-window.js";
import { onlySensor, withSensor } from "./sensor-list.js";
import type { TouchedWindows } from "./touched-windows.js";
import type { HotWindow, WindowStoreCounters } from "./window-store.js";

/** Subjects of one kind and slice; beyond it facts are refused and counted. */
const subjectsMax = 60_000;
/** Refused members of one subject and slice that are told apart. */
const refusedMax = 4096;
/** A slice that no open slice's detector reads is kept for one more slice, at most this long. */
const spareMsMax = 2 * 3_600_000;

interface MutableMember {
  readonly member: string;
  firstMs: number;
  lastMs: number;
  value: number;
  sensors: readonly number[];
}

/** Most subjects have one member: spoofed sources make them by the hundred thousand. */
interface Subject {
  readonly first: MutableMember;
  /** The other members. */
  more: Map<string, MutableMember> | undefined;
  refused: Set<string> | undefined;
  window: HotWindow | undefined;
}

/** Facts by kind, slice and subject. */
export class FactWindows {
  private readonly slices = new Map<FactKind, Map<number, Map<string, Subject>>>();

  constructor(private readonly counters: WindowStoreCounters) {}

  /** Merges one fact; tells the window when its subject is hot after it. */
  merge(fact: FactObservation, touched: TouchedWindows): void {
    const slice = Math.floor(fact.timeMs / fact.kind.sliceMs);
    const subject = this.subject(fact, slice);
    if (subject === undefined) return;
    const known = memberOf(subject, fact.member);
    if (known !== undefined) mergeMember(known, fact);
    else if (countOf(subject) < fact.kind.membersMax)
      (subject.more ??= new Map()).set(fact.member, newMember(fact));
    else this.refuse(subject, fact.member);
    if (countOf(subject) < fact.kind.hotMembersMin) return;
    const isNew = subject.window === undefined;
    subject.window ??= { kind: "facts", facts: fact.kind, subject: fact.subject, slice };
    if (isNew || fact.kind.isQuiet !== true) touched.add(subject.window, isNew);
  }

  read(kind: FactKind, subject: string, slice: number): FactWindow {
    const found = this.slices.get(kind)?.get(slice)?.get(subject);
    const members = found === undefined ? [] : sortMembers([found.first, ...(found.more?.values() ?? [])]);
    return { kind, subject, slice, members, refused: found?.refused?.size ?? 0 };
  }

  /** Forgets slices that no detector reads any more once everything before `closedMs` is closed. */
  close(closedMs: number): void {
    for (const [kind, slices] of this.slices)
      for (const slice of slices.keys())
        if ((slice + 1 + kind.slicesBefore) * kind.sliceMs + spareMs(kind) <= closedMs) slices.delete(slice);
  }

  private subject(fact: FactObservation, slice: number): Subject | undefined {
    const slices = entryOf(this.slices, fact.kind, newMap<number, Map<string, Subject>>);
    const subjects = entryOf(slices, slice, newMap<string, Subject>);
    const known = subjects.get(fact.subject);
    if (known !== undefined) return known;
    if (subjects.size >= subjectsMax) {
      this.counters.factsRefused++;
      return undefined;
    }
    const subject: Subject = {
      first: newMember(fact),
      more: undefined,
      refused: undefined,
      window: undefined,
    };
    subjects.set(fact.subject, subject);
    return subject;
  }

  private refuse(subject: Subject, member: string): void {
    const refused = (subject.refused ??= new Set());
    if (refused.size >= refusedMax || refused.has(member)) return;
    refused.add(member);
    this.counters.factsRefused++;
  }
}

function spareMs({ sliceMs }: FactKind): number {
  return Math.min(sliceMs, spareMsMax);
}

function memberOf({ first, more }: Subject, member: string): MutableMember | undefined {
  return first.member === member ? first : more?.get(member);
}

function countOf({ more }: Subject): number {
  return 1 + (more?.size ?? 0);
}

function newMember({ member, timeMs, value, sensor }: FactObservation): MutableMember {
  return { member, firstMs: timeMs, lastMs: timeMs, value, sensors: onlySensor(sensor) };
}

function mergeMember(known: MutableMember, { timeMs, value, sensor }: FactObservation): void {
  known.firstMs = Math.min(known.firstMs, timeMs);
  known.lastMs = Math.max(known.lastMs, timeMs);
  known.value = Math.max(known.value, value);
  known.sensors = withSensor(known.sensors, sensor);
}

function sortMembers(members: FactMember[]): FactMember[] {
  return members.sort((a, b) => a.firstMs - b.firstMs || (a.member < b.member ? -1 : 1));
}

function newMap<K, V>(): Map<K, V> {
  return new Map();
}

function entryOf<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = create()));
  return value;
}
