import { HostDirection, Outcome } from "@picket/proto/batch/flow-columns.js";
import type { ListeningPorts } from "./listening-ports.js";

const protocolTcp = 6;
const protocolUdp = 17;
/** An older look at the open ports says nothing about a contact. */
const observedAgeMaxUs = 30_000_000;
/** An answer keeps its port from being called closed for one to two times this long. */
const answeredTurnUs = 3_600_000_000;
const loopback6 = 1;
const loopback4Top = 127;

/**
 * What the sensor's own host knows of a flow. Its contents are replaced at run
 * time; without addresses (a capture file) every flow is transit and no port
 * is closed.
 *
 * A port is called closed only when that is sure. It must not be open on the
 * address of the contact now or in the last minute (`ListeningPorts` holds both),
 * must not be of the range that clients are given ports from (a late reply to
 * a client looks like a contact), must not have answered anybody in the last
 * hour (a port forwarded to another machine or namespace is open although
 * nothing listens here), and the contact itself must fit: refused by this host,
 * or ignored and the open ports were read after it began, so that a service
 * started in between is seen.
 */
export class HostView {
  /** A contact could not be called closed only because the open ports were read before it. */
  isLookWanted = false;
  /** Addresses by open addressing, four words each; all zeros is no address of a host. */
  private slots = new Int32Array(4);
  private slotMask = 0;
  private isKnown = false;
  private listening: ListeningPorts | undefined;
  /** Ports of this host that answered: bit 0 TCP, bit 1 UDP; of this turn and the one before. */
  private answered = new Uint8Array(65_536);
  private answeredBefore = new Uint8Array(65_536);
  private answeredSinceUs = Number.NEGATIVE_INFINITY;

  /** `words`: four words for each address of this host, without the loopback's. */
  setAddresses(words: Uint32Array): void {
    const count = words.length >>> 2;
    const slots = 1 << Math.ceil(Math.log2(4 * Math.max(1, count)));
    this.slots = new Int32Array(slots << 2);
    this.slotMask = slots - 1;
    this.isKnown = count > 0;
    for (let i = 0; i < count; i++) this.insert(Int32Array.from(words.subarray(4 * i, 4 * i + 4)));
  }

  /** Undefined while the open ports are not known: then none is called closed. */
  setListening(ports: ListeningPorts | undefined): void {
    this.listening = ports;
    if (ports === undefined || Math.abs(ports.observedUs - this.answeredSinceUs) < answeredTurnUs) return;
    [this.answered, this.answeredBefore] = [this.answeredBefore, this.answered];
    this.answered.fill(0);
    this.answeredSinceUs = ports.observedUs;
  }

  /** Whether the address at `at` is of this host; its loopback is. */
  isOwn(words: Int32Array, at: number): boolean {
    if (!this.isKnown) return false;
    if (isLoopback(words, at)) return true;
    const { slots, slotMask } = this;
    for (let slot = slotOf(words, at, slotMask); ; slot = (slot + 1) & slotMask) {
      const own = slot << 2;
      if (
        slots[own + 3] === words[at + 3] &&
        slots[own + 2] === words[at + 2] &&
        slots[own + 1] === words[at + 1] &&
        slots[own] === words[at]
      )
        return true;
      if ((slots[own] | slots[own + 1] | slots[own + 2] | slots[own + 3]) === 0) return false;
    }
  }

  /** Where a flow goes, seen from this host; what it forwards is transit. */
  direction(words: Int32Array, sourceAt: number, destinationAt: number): HostDirection {
    const isFromHost = this.isOwn(words, sourceAt);
    if (this.isOwn(words, destinationAt)) return isFromHost ? HostDirection.internal : HostDirection.inbound;
    return isFromHost ? HostDirection.outbound : HostDirection.transit;
  }

  /**
   * Whether a contact met a closed port of this host (see above); an answer is
   * remembered. `startUs`: the contact's first packet.
   */
  isClosedPort(
    words: Int32Array,
    responderAt: number,
    port: number,
    protocol: number,
    outcome: number,
    startUs: number,
  ): boolean {
    const { listening } = this;
    if (listening === undefined || (protocol !== protocolTcp && protocol !== protocolUdp)) return false;
    if (outcome === Outcome.unknown || !this.isOwn(words, responderAt)) return false;
    const answeredBit = protocol === protocolTcp ? 1 : 2;
    if (outcome >= Outcome.halfOpen) {
      this.answered[port] |= answeredBit;
      return false;
    }
    if (((this.answered[port] | this.answeredBefore[port]) & answeredBit) !== 0) return false;
    if (port >= listening.ephemeralFirst && port <= listening.ephemeralLast) return false;
    if (listening.has(protocol, port, words, responderAt)) return false;
    const isObserved = isObservedFor(listening, outcome, startUs);
    if (!isObserved) this.isLookWanted = true;
    return isObserved;
  }

  private insert(address: Int32Array): void {
    if ((address[0] | address[1] | address[2] | address[3]) === 0 || this.isInserted(address)) return;
    let slot = slotOf(address, 0, this.slotMask);
    while (this.slots.subarray(4 * slot, 4 * slot + 4).some((word) => word !== 0))
      slot = (slot + 1) & this.slotMask;
    this.slots.set(address, 4 * slot);
  }

  private isInserted(address: Int32Array): boolean {
    return !isLoopback(address, 0) && this.isOwn(address, 0);
  }
}

function isObservedFor(listening: ListeningPorts, outcome: number, startUs: number): boolean {
  const ageUs = startUs - listening.observedUs;
  return outcome === Outcome.ignored ? ageUs <= 0 : ageUs <= observedAgeMaxUs;
}

function isLoopback(words: Int32Array, at: number): boolean {
  const last = words[at + 3];
  if (words[at] !== 0 || words[at + 1] !== 0) return false;
  return words[at + 2] === 0xffff ? last >>> 24 === loopback4Top : words[at + 2] === 0 && last === loopback6;
}

/** Strangers choose what is looked up, not what is inserted: probes stay short without a secret. */
function slotOf(words: Int32Array, at: number, mask: number): number {
  const mixed =
    Math.imul(words[at + 3], 0x9e3779b1) ^
    Math.imul(words[at + 2] ^ (words[at + 1] << 1), 0x85ebca6b) ^
    Math.imul(words[at], 0xc2b2ae35);
  return (mixed ^ (mixed >>> 15)) & mask;
}
