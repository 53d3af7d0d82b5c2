import { flowEndReasonNames, isIpv4Words, outcomeNames } from "@picket/proto/batch/flow-columns.js";
import { DecodedPacket } from "../../decode/decoded-packet.js";
import { FlowMeter } from "../flow-meter.js";
import { type MeteringSettings, meteringSettings } from "../metering-settings.js";
import { OneRecordSink } from "./one-record-sink.js";

const kindNames = ["first", "delta", "last", "only"] as const;
const stealthNames = ["", "null", "fin", "xmas", "ack", "fragment", "other"] as const;
const flagBits: Record<string, number> = { F: 1, S: 2, R: 4, P: 8, A: 16, U: 32 };
const noBytes = new Uint8Array(0);
/** The scripts' second zero. */
export const scriptStartUs = 1_700_000_000_000_000;

/** A row of a table test: packets, and the record lines they lead to. */
export interface OutcomeRow {
  readonly name: string;
  readonly packets: readonly string[];
  /** Seconds of the last look; the default is after every timeout. */
  readonly until?: number;
  readonly records: readonly string[];
}

/** One flow record, as tests read it. */
export interface ScriptRecord {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly kind: string;
  readonly outcome: string;
  readonly endReason: string;
  readonly stealth: string;
  readonly oneSided: boolean;
  readonly upgrade: boolean;
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly forwardPackets: number;
  readonly reversePackets: number;
  readonly bytes: number;
  readonly forwardTcpFlags: number;
  readonly reverseTcpFlags: number;
  readonly direction: number;
  readonly closedPort: boolean;
}

/**
 * Meters packets written as lines, for tests. A line is
 * `seconds from>to what [name=number]…`: hosts are letters (host a has port
 * 40000, b port 80, other letters 1000 and up), `what` is a set of TCP flags
 * (letters of `FSRPAU`, `-` for none), `udp`, `echo`, `reply`, `gre`,
 * `fragment`, or `unreachable` (from any host, about the UDP, TCP or echo
 * packet named by `about=udp|tcp|echo` that `to` sent to b). Host `m` is a multicast address.
 * Names: seq, ack, len (payload), port (of host b), id, ttl, options (TCP, bytes).
 * Sequence numbers are 1000 for a, 5000 for every other host; acknowledgements fit.
 */
export class PacketScript extends OneRecordSink {
  readonly records: ScriptRecord[] = [];
  readonly meter: FlowMeter;
  private readonly packet = new DecodedPacket();

  constructor(
    private readonly family: 4 | 6 = 4,
    settings: Partial<MeteringSettings> = {},
  ) {
    super();
    this.meter = new FlowMeter(meteringSettings(settings), this);
  }

  play(...lines: readonly string[]): this {
    for (const line of lines) {
      const [seconds, hosts, what, ...rest] = line.trim().split(/\s+/);
      const values = Object.fromEntries(rest.map((part) => part.split("=")));
      this.fill(hosts[0], hosts[2], what, values);
      this.meter.process(this.packet, scriptStartUs + Math.round(Number(seconds) * 1e6), noBytes);
    }
    return this;
  }

  /** Lets time pass without packets, as a live capture does. */
  wait(untilSeconds: number): this {
    const untilUs = scriptStartUs + untilSeconds * 1e6;
    for (let timeUs = this.meter.nowUs; timeUs < untilUs; timeUs += 200_000) this.meter.advance(timeUs);
    this.meter.advance(untilUs);
    return this;
  }

  /** Every record so far as one line: kind, outcome, end reason, packets each way, marks. */
  get lines(): string[] {
    return this.records.map((record) =>
      [
        record.kind,
        record.outcome,
        `${record.forwardPackets}/${record.reversePackets}`,
        record.endReason === "open" ? "" : `(${record.endReason})`,
        record.stealth,
        record.oneSided ? "one-sided" : "",
        record.upgrade ? "upgrade" : "",
      ]
        .filter((part) => part !== "")
        .join(" "),
    );
  }

  filled(row: number): void {
    const { columns } = this;
    const seconds = (timeUs: number): number => (timeUs - scriptStartUs) / 1e6;
    this.records.push({
      source: this.endpoint(columns.sourceIndex[row], columns.sourcePort[row]),
      destination: this.endpoint(columns.destinationIndex[row], columns.destinationPort[row]),
      protocol: columns.protocol[row],
      kind: kindNames[columns.recordKind[row]],
      outcome: outcomeNames[columns.outcome[row]],
      endReason: flowEndReasonNames[columns.endReason[row]],
      stealth: stealthNames[columns.stealthKind[row]],
      oneSided: columns.oneSided[row] === 1,
      upgrade: columns.upgrade[row] === 1,
      startSeconds: seconds(columns.startUs[row]),
      endSeconds: seconds(columns.endUs[row]),
      forwardPackets: columns.forwardPackets[row],
      reversePackets: columns.reversePackets[row],
      bytes: columns.forwardBytes[row] + columns.reverseBytes[row],
      forwardTcpFlags: columns.forwardTcpFlags[row],
      reverseTcpFlags: columns.reverseTcpFlags[row],
      direction: columns.direction[row],
      closedPort: columns.closedPort[row] === 1,
    });
  }

  private endpoint(index: number, port: number): string {
    const { addressWords } = this.columns;
    const isIpv4 = isIpv4Words(addressWords, index * 4);
    const last = addressWords[index * 4 + 3];
    if (isIpv4 !== (this.family === 4)) return `unexpected family of ${last}`;
    const letter = last >>> 28 === 0xe ? "m" : String.fromCharCode(last & 0xff);
    return `${letter}:${port}`;
  }

  private fill(from: string, to: string, what: string, values: Record<string, string>): void {
    const { packet } = this;
    const number = (name: string, otherwise: number): number => Number(values[name] ?? otherwise);
    const portOf = (host: string): number =>
      host === "a" ? 40_000 : host === "b" ? number("port", 80) : 900 + host.charCodeAt(0);
    this.setAddress("source", from);
    this.setAddress("destination", to);
    packet.isIpv6 = this.family === 6;
    packet.hasInner = false;
    packet.isShortFragment = what === "fragment";
    packet.isFirstFragment = packet.isShortFragment;
    packet.ipId = number("id", 0);
    packet.ttl = number("ttl", 64);
    packet.tcpFlags = 0;
    packet.sourcePort = portOf(from);
    packet.destinationPort = portOf(to);
    packet.payloadLength = number("len", 0);
    const headers = (this.family === 6 ? 40 : 20) + (what === "udp" ? 8 : 20) + number("options", 0);
    packet.ipLength = headers + packet.payloadLength;
    if (what === "udp") packet.protocol = 17;
    else if (what === "gre") this.fillPortless(47, 0);
    else if (what === "echo") this.fillPortless(this.family === 6 ? 58 : 1, this.family === 6 ? 128 : 8);
    else if (what === "reply") this.fillPortless(this.family === 6 ? 58 : 1, this.family === 6 ? 129 : 0);
    else if (what === "unreachable") this.fillError(to, values.about, portOf);
    else {
      packet.protocol = 6;
      for (const letter of what === "fragment" ? "" : what) packet.tcpFlags |= flagBits[letter] ?? 0;
      packet.tcpSequence = number("seq", (from === "a" ? 1000 : 5000) + (what.includes("S") ? 0 : 1));
      packet.tcpAcknowledgement = what.includes("A") ? number("ack", from === "a" ? 5001 : 1001) : 0;
    }
  }

  private fillPortless(protocol: number, type: number): void {
    this.packet.protocol = protocol;
    this.packet.sourcePort = 0;
    this.packet.destinationPort = type << 8;
  }

  private fillError(to: string, about: string, portOf: (host: string) => number): void {
    const { packet } = this;
    this.fillPortless(this.family === 6 ? 58 : 1, this.family === 6 ? 1 : 3);
    packet.destinationPort += this.family === 6 ? 4 : 3;
    packet.hasInner = true;
    packet.innerProtocol = about === "udp" ? 17 : about === "tcp" ? 6 : packet.protocol;
    packet.innerSourcePort = about === "echo" ? 0 : portOf(to);
    packet.innerDestinationPort = about === "echo" ? (this.family === 6 ? 128 : 8) << 8 : portOf("b");
    this.setAddress("innerSource", to);
    this.setAddress("innerDestination", "b");
  }

  private setAddress(
    field: "source" | "destination" | "innerSource" | "innerDestination",
    host: string,
  ): void {
    const { packet } = this;
    const isMulticast = host === "m";
    packet[`${field}0`] = this.family === 4 ? 0 : isMulticast ? 0xff02_0000 : 0xfd00_0001;
    packet[`${field}1`] = 0;
    packet[`${field}2`] = this.family === 4 ? 0xffff : 0;
    packet[`${field}3`] = isMulticast ? 0xe000_00fb : 0xc0a8_0000 + host.charCodeAt(0);
  }
}
