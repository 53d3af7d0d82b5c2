import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import type { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { DecodedPacket } from "../../decode/decoded-packet.js";
import { ArpCounters } from "../arp-counters.js";
import { ArpMeter, type ArpRecordSink } from "../arp-meter.js";
import { arpDefaults, type ArpSettings } from "../arp-settings.js";
import { scriptStartUs } from "./packet-script.js";

const operationNames = ["request", "reply", "announcement", "probe"] as const;

/**
 * Meters ARP packets written as lines, for tests: `seconds request a b` (a asks
 * for b), `seconds reply a b` (a tells b its MAC), `seconds announcement a`,
 * `seconds probe a` (without an address yet). Host a has MAC a and address a;
 * `M:a` is MAC M with the address of a, on either side, `a:0` has none. A fifth
 * word is the MAC of the frame.
 */
export class ArpScript implements ArpRecordSink {
  /** "operation sender target packets [mark…]" of each record. */
  readonly lines: string[] = [];
  readonly counters = new ArpCounters();
  readonly meter: ArpMeter;
  readonly columns: FlowColumns;
  private readonly builder = new FlowBatchBuilder(64);
  private readonly packet = new DecodedPacket();

  constructor(settings: Partial<ArpSettings> = {}) {
    this.columns = this.builder.columns;
    this.meter = new ArpMeter({ ...arpDefaults, ...settings }, 7, this, this.counters);
  }

  play(...lines: readonly string[]): this {
    for (const line of lines) {
      const [seconds, what, from, to = from, frame] = line.trim().split(/\s+/);
      this.fill(what, endOf(from), endOf(to));
      this.send(Number(seconds), frame === undefined ? this.packet.arpSenderMacLow : macOf(frame));
    }
    return this;
  }

  /** Sender and target by number: `addresses` requests at one time. */
  storm(seconds: number, addresses: number): this {
    for (let i = 0; i < addresses; i++) {
      this.fill("request", { mac: i, address: 0x0b00_0000 + i }, { mac: 0, address: 0x0c00_0000 + i });
      this.send(seconds, i);
    }
    return this;
  }

  /** Lets time pass without packets. */
  wait(untilSeconds: number, fromSeconds = 0): this {
    for (let seconds = fromSeconds; seconds <= untilSeconds; seconds += 0.2)
      this.meter.advance(scriptStartUs + seconds * 1e6);
    this.meter.advance(scriptStartUs + untilSeconds * 1e6);
    return this;
  }

  appendArp(...addresses: Parameters<ArpRecordSink["appendArp"]>): number {
    this.builder.reset();
    return this.builder.appendArp(...addresses);
  }

  arpFilled(): void {
    const { arp } = this.columns;
    const end = (mac: number, address: number): string => {
      const [macLetter, letter] = [arp.macs[6 * mac + 5], this.columns.addressWords[4 * address + 3] & 0xff];
      if (macLetter === 0 || macLetter === letter) return nameOf(letter);
      return `${nameOf(macLetter)}:${nameOf(letter)}`;
    };
    this.lines.push(
      [
        operationNames[arp.operation[0]],
        end(arp.senderMacIndex[0], arp.senderIndex[0]),
        end(arp.targetMacIndex[0], arp.targetIndex[0]),
        arp.packets[0],
        arp.answered[0] === 1 ? "answered" : "",
        arp.unsolicited[0] === 1 ? "unsolicited" : "",
        arp.mismatched[0] === 1 ? "mismatched" : "",
      ]
        .filter((part) => part !== "")
        .join(" "),
    );
  }

  private send(seconds: number, frameMac: number): void {
    this.meter.process(this.packet, 0x0200, frameMac, scriptStartUs + Math.round(seconds * 1e6));
  }

  private fill(what: string, sender: End, target: End): void {
    const { packet } = this;
    packet.arpOperation = what === "reply" ? 2 : what === "other" ? 8 : 1;
    packet.arpSenderMacHigh = 0x0200;
    packet.arpSenderMacLow = sender.mac;
    packet.arpSenderAddress = what === "probe" ? 0 : sender.address;
    packet.arpTargetMacHigh = what === "reply" ? 0x0200 : 0;
    packet.arpTargetMacLow = what === "reply" ? target.mac : 0;
    packet.arpTargetAddress = target.address;
  }
}

interface End {
  readonly mac: number;
  readonly address: number;
}

function endOf(text: string): End {
  const [mac, host = mac] = text.split(":");
  return { mac: macOf(mac), address: host === "0" ? 0 : 0x0a00_0000 + host.charCodeAt(0) };
}

function macOf(letter: string): number {
  return letter.charCodeAt(0);
}

function nameOf(code: number): string {
  return code === 0 ? "0" : String.fromCharCode(code);
}
