import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { finishHash, mixWord } from "../flows/flow-hash.js";
import type { FactObserver, FlowRow } from "../flows/flow-row.js";
import { formatPort, parsePortKey, portKey } from "../windows/contact-key.js";
import type { AddressKey } from "../windows/address-key.js";
import type { AddFact, FactKind, FactWindow } from "../windows/fact-window.js";
import { dayMs } from "../windows/window-store.js";

const tcp = 6;
const udp = 17;
const hourMs = 3_600_000;
/** Ports from here on are drawn at random by one system or another: they name no service. */
export const drawnPortMin = 32_768;
/** Volume is counted in pieces of this size, bytes. */
const pieceBytes = 16 * 1024 * 1024;
/** One record in so many tells the hour: a power of two. */
const hourSampleMask = 15;
/** First char of a member of `hostActivity`. */
const Tag = { hour: "h", use: "u", sent: "s", received: "r" } as const;

/** Inside hosts that answered a host over TCP, a member each. */
export const hostPeers: FactKind = {
  id: 30,
  name: "host_peers",
  sliceMs: dayMs,
  slicesBefore: 0,
  hotMembersMin: 5,
  membersMax: 256,
  isOnce: true,
};

/** Services that a host served, and which sixteenth of all clients it served: a member each. */
export const hostServices: FactKind = {
  id: 31,
  name: "host_services",
  sliceMs: dayMs,
  slicesBefore: 0,
  hotMembersMin: 2,
  membersMax: 512,
  isOnce: true,
};

/** Hours in which a host was active, services it used, pieces of its volume. */
export const hostActivity: FactKind = {
  id: 32,
  name: "host_activity",
  sliceMs: dayMs,
  slicesBefore: 0,
  hotMembersMin: 1,
  membersMax: 1024,
  isOnce: true,
  isQuiet: true,
};

const clientGroups = 16;

/** Adds who answered an inside host; nothing but for a contact that is new today. */
export function observePeer(flow: FlowRow, add: AddFact): void {
  if (!flow.isNewContact) return;
  const { columns, row, addresses } = flow;
  if (columns.outcome[row] !== Outcome.answered || columns.protocol[row] !== tcp) return;
  const [source, destination] = [columns.sourceIndex[row], columns.destinationIndex[row]];
  if (addresses.isInside[source] === 0 || addresses.isInside[destination] === 0) return;
  add(hostPeers, flow.source(), flow.destination(), flow.timeMs, columns.destinationPort[row]);
}

/** Adds what an inside host served; nothing but for a contact that is new today. */
export function observeService(flow: FlowRow, add: AddFact): void {
  if (!flow.isNewContact) return;
  const { columns, row, addresses } = flow;
  if (columns.outcome[row] !== Outcome.answered) return;
  const [port, protocol] = [columns.destinationPort[row], columns.protocol[row]];
  if (addresses.isInside[columns.destinationIndex[row]] === 0 || !isService(port, protocol)) return;
  const group = clientGroup(flow.source());
  add(hostServices, flow.destination(), portKey(port, protocol) + String.fromCharCode(group), flow.timeMs);
}

/**
 * Adds when and how much a host talked, and what it used. Hours are looked at in
 * one record of sixteen; a record counts whole pieces of volume, one more with
 * the probability of what is left, so that the sum is right on average.
 */
export const activityObserver: FactObserver = { observeFlow: observeActivity };

function observeActivity(flow: FlowRow, add: AddFact): void {
  const { columns, row, addresses } = flow;
  const isSource = addresses.isInside[columns.sourceIndex[row]] === 1;
  const isTarget = addresses.isInside[columns.destinationIndex[row]] === 1;
  if (columns.outcome[row] !== Outcome.answered || !(isSource || isTarget)) return;
  const hash = recordHash(flow);
  const chance = hash / 0x1_0000_0000;
  const forward = Math.floor(columns.forwardBytes[row] / pieceBytes + chance);
  const reverse = Math.floor(columns.reverseBytes[row] / pieceBytes + chance);
  const isSampled = flow.isNewContact || (hash & hourSampleMask) === 0;
  if (!isSampled && forward === 0 && reverse === 0) return;
  if (isSource) addActivity(flow, add, flow.source(), { isSampled, sent: forward, received: reverse });
  if (isTarget) addActivity(flow, add, flow.destination(), { isSampled, sent: reverse, received: forward });
  const [port, protocol] = [columns.destinationPort[row], columns.protocol[row]];
  if (isSource && flow.isNewContact && isService(port, protocol))
    add(hostActivity, flow.source(), Tag.use + portKey(port, protocol), flow.timeMs);
}

function addActivity(
  flow: FlowRow,
  add: AddFact,
  host: AddressKey,
  { isSampled, sent, received }: { isSampled: boolean; sent: number; received: number },
): void {
  const hour = String.fromCharCode(Math.floor((flow.endMs % dayMs) / hourMs));
  if (isSampled) add(hostActivity, host, Tag.hour + hour, flow.endMs);
  if (sent === 0 && received === 0) return;
  const record = flow.contribution + String.fromCharCode(flow.row >>> 8, flow.row & 0xff);
  if (sent > 0) add(hostActivity, host, Tag.sent + record, flow.endMs, sent);
  if (received > 0) add(hostActivity, host, Tag.received + record, flow.endMs, received);
}

/** The same whenever the record is delivered, and as good as random from record to record. */
function recordHash({ columns, row, endMs }: FlowRow): number {
  const ports = (columns.sourcePort[row] << 16) | columns.destinationPort[row];
  return finishHash(mixWord(mixWord(row, ports), endMs | 0)) >>> 0;
}

function isService(port: number, protocol: number): boolean {
  return protocol === tcp ? port < drawnPortMin : protocol === udp && port < 1024;
}

/** Which of the sixteen groups a client belongs to. */
export function clientGroup(client: AddressKey): number {
  let hash = client.length;
  for (let i = 0; i < client.length; i++) hash = mixWord(hash, client.charCodeAt(i));
  return (finishHash(hash) >>> 0) % clientGroups;
}

/** A service of a day: how many of sixteen groups of clients used it, at least that many clients. */
export interface ServedDay {
  /** See `portKey`. */
  readonly service: string;
  readonly clients: number;
}

/** The services of a window of `hostServices`, in order. */
export function servedOf(window: FactWindow): ServedDay[] {
  const clients = new Map<string, number>();
  for (const { member } of window.members)
    clients.set(member.slice(0, 3), (clients.get(member.slice(0, 3)) ?? 0) + 1);
  return [...clients]
    .map(([service, count]) => ({ service, clients: count }))
    .sort((a, b) => (a.service < b.service ? -1 : 1));
}

/** "tcp/443" of a `portKey`. */
export function formatService(service: string): string {
  const { port, protocol } = parsePortKey(service);
  return formatPort(port, protocol);
}

/** What a window of `hostActivity` says. */
export interface ActivityDay {
  /** UTC hours, 0 to 23. */
  readonly hours: ReadonlySet<number>;
  /** See `portKey`; in order. */
  readonly uses: readonly string[];
  /** As the sensor saw it that saw most. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** Reads a window of `hostActivity`. */
export function activityOf(window: FactWindow): ActivityDay {
  const hours = new Set<number>();
  const uses: string[] = [];
  const sent = new SensorSums();
  const received = new SensorSums();
  for (const { member, value, sensors } of window.members) {
    const tag = member[0];
    if (tag === Tag.hour) hours.add(member.charCodeAt(1));
    else if (tag === Tag.use) uses.push(member.slice(1));
    else (tag === Tag.sent ? sent : received).add(sensors[0], value);
  }
  return {
    hours,
    uses: uses.sort(),
    sentBytes: sent.most() * pieceBytes,
    receivedBytes: received.most() * pieceBytes,
  };
}

/** Two sensors on one path see the same bytes: the greater sum counts. */
class SensorSums {
  private readonly sums = new Map<number, number>();

  add(sensor: number, value: number): void {
    this.sums.set(sensor, (this.sums.get(sensor) ?? 0) + value);
  }

  most(): number {
    return Math.max(0, ...this.sums.values());
  }
}
