import { Outcome } from "@picket/proto/batch/flow-columns.js";
import type { AddressKey } from "./address-key.js";
import { portKey } from "./contact-key.js";
import {
  contactSliceMs,
  crowdBit,
  dayMs,
  type ContactObservation,
  type WindowStoreCounters,
} from "./window-store.js";

/** Inside addresses remembered of one UTC day; where there are more, nothing of that day counts as silent. */
const hostsMax = 250_000;
const slicesPerDay = dayMs / contactSliceMs;

/** One UTC day: the first slice in which each address and port gave a sign. */
class AnswerDay {
  readonly hosts = new Map<AddressKey, number>();
  readonly ports = new Map<string, number>();
  /** The earliest of them. */
  firstSlice = Infinity;
  isFull = false;
}

/**
 * Inside addresses that answered a first contact, and ports at which one of them
 * let a connection begin, by UTC day with the earliest slice: a minimum, so that
 * order and repetition change nothing. A refusal is an answer of the address
 * (and an ICMP error may be), not of the port.
 */
export class InsideAnswers {
  private readonly days = new Map<number, AnswerDay>();

  constructor(private readonly counters: WindowStoreCounters) {}

  merge({ destination, port, protocol, outcome, crowds, timeMs }: ContactObservation): void {
    if ((crowds & crowdBit.port) === 0 || outcome <= Outcome.ignored) return;
    const today = this.day(Math.floor(timeMs / dayMs));
    const slice = Math.floor(timeMs / contactSliceMs);
    today.firstSlice = Math.min(today.firstSlice, slice);
    if (today.hosts.size < hostsMax || today.hosts.has(destination)) lower(today.hosts, destination, slice);
    else this.refuse(today);
    if (outcome >= Outcome.halfOpen) lower(today.ports, portKey(port, protocol), slice);
  }

  /**
   * True when the two days up to `untilMs` are known whole: something answered
   * 24 hours before, and no address was refused. What is silent says nothing else.
   */
  isKnown(untilMs: number): boolean {
    const { yesterday, today } = this.until(untilMs);
    const isObserved = (yesterday?.firstSlice ?? Infinity) < untilMs / contactSliceMs - slicesPerDay;
    return isObserved && yesterday?.isFull !== true && today?.isFull !== true;
  }

  /** True when the address answered on the UTC day that ends with `untilMs`, or the day before. */
  hasHost(address: AddressKey, untilMs: number): boolean {
    const { yesterday, today, slice } = this.until(untilMs);
    return yesterday?.hosts.has(address) === true || (today?.hosts.get(address) ?? Infinity) < slice;
  }

  /** The same of a port, at any inside address. */
  hasPort(port: number, protocol: number, untilMs: number): boolean {
    const key = portKey(port, protocol);
    const { yesterday, today, slice } = this.until(untilMs);
    return yesterday?.ports.has(key) === true || (today?.ports.get(key) ?? Infinity) < slice;
  }

  dropDaysBefore(day: number): void {
    for (const kept of this.days.keys()) if (kept < day) this.days.delete(kept);
  }

  private refuse(today: AnswerDay): void {
    today.isFull = true;
    this.counters.contactsRefused++;
  }

  private until(untilMs: number): { yesterday?: AnswerDay; today?: AnswerDay; slice: number } {
    const day = Math.floor((untilMs - 1) / dayMs);
    return {
      yesterday: this.days.get(day - 1),
      today: this.days.get(day),
      slice: untilMs / contactSliceMs,
    };
  }

  private day(day: number): AnswerDay {
    let answers = this.days.get(day);
    if (answers === undefined) this.days.set(day, (answers = new AnswerDay()));
    return answers;
  }
}

function lower(slices: Map<string, number>, key: string, slice: number): void {
  const known = slices.get(key);
  if (known === undefined || slice < known) slices.set(key, slice);
}
