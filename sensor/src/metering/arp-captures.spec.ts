import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import { describe, expect, it } from "vitest";
import { readAll } from "../capture/testing/read-all.js";
import { decodeFrame } from "../decode/decode-frame.js";
import { DecodedPacket, DecodeResult } from "../decode/decoded-packet.js";
import { ArpCounters } from "./arp-counters.js";
import { ArpMeter, type ArpRecordSink } from "./arp-meter.js";
import { arpDefaults } from "./arp-settings.js";

const repository = fileURLToPath(new URL("../../../", import.meta.url));
const folder = process.env["PICKET_CAPTURES"] ?? join(repository, "../shared/captures");
if (!existsSync(folder)) process.stderr.write(`arp-captures: skipped, there is no ${folder}\n`);

const operationNames = ["request", "reply", "announcement", "probe"] as const;

interface ArpRecord {
  readonly operation: string;
  readonly sender: string;
  readonly senderMac: string;
  readonly target: string;
  readonly packets: number;
  readonly marks: string;
}

/** The ARP records of a capture file. */
class CaptureRecords implements ArpRecordSink {
  readonly records: ArpRecord[] = [];
  readonly counters = new ArpCounters();
  private readonly builder = new FlowBatchBuilder(16);
  readonly columns = this.builder.columns;

  async read(name: string): Promise<this> {
    const meter = new ArpMeter(arpDefaults, 1, this, this.counters);
    const packet = new DecodedPacket();
    for (const { bytes, timeUs, linkType } of (await readAll(join(folder, name))).packets) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const result = decodeFrame(bytes, view, 0, bytes.length, linkType, packet);
      if (result !== DecodeResult.arp) meter.advance(timeUs);
      else meter.process(packet, packet.ethernetSourceHigh, packet.ethernetSourceLow, timeUs);
    }
    meter.finish();
    return this;
  }

  /** "operation sender-mac sender target packets marks" of each record, in order of time. */
  get lines(): string[] {
    return this.records.map(({ operation, senderMac, sender, target, packets, marks }) =>
      `${operation} ${senderMac} ${sender} ${target} ${packets} ${marks}`.trim(),
    );
  }

  get packets(): number {
    return this.records.reduce((sum, record) => sum + record.packets, 0);
  }

  appendArp(...addresses: Parameters<ArpRecordSink["appendArp"]>): number {
    this.builder.reset();
    return this.builder.appendArp(...addresses);
  }

  arpFilled(): void {
    const { arp } = this.columns;
    const marks = [
      arp.answered[0] === 1 ? "answered" : "",
      arp.unsolicited[0] === 1 ? "unsolicited" : "",
      arp.mismatched[0] === 1 ? "mismatched" : "",
    ];
    const mac = 6 * arp.senderMacIndex[0];
    this.records.push({
      operation: operationNames[arp.operation[0]],
      sender: this.address(arp.senderIndex[0]),
      senderMac: Buffer.from(arp.macs.subarray(mac, mac + 6)).toString("hex"),
      target: this.address(arp.targetIndex[0]),
      packets: arp.packets[0],
      marks: marks.filter((mark) => mark !== "").join(" "),
    });
  }

  private address(index: number): string {
    const word = this.columns.addressWords[4 * index + 3];
    return [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff).join(".");
  }
}

describe.skipIf(!existsSync(folder))("ARP records of real captures", () => {
  it("show one MAC that is two addresses toward each other", async () => {
    const { lines, packets } = await new CaptureRecords().read("arp/training3.pcap");
    expect(packets).toBe(8);
    expect(lines.slice(0, 2)).toEqual([
      "reply 0050568eee89 192.168.1.1 192.168.1.254 1 unsolicited",
      "reply 0050568eee89 192.168.1.254 192.168.1.1 1 unsolicited",
    ]);
    expect(lines.slice(2).toSorted()).toEqual([
      "reply 0050568eee89 192.168.1.1 192.168.1.254 3 unsolicited",
      "reply 0050568eee89 192.168.1.254 192.168.1.1 3 unsolicited",
    ]);
  });

  it("show who claims the gateway", async () => {
    const { lines } = await new CaptureRecords().read("arp/arppoison.pcapng");
    expect(lines).toEqual([
      "reply 002170c056f0 172.16.0.107 172.16.0.1 1",
      "reply 0025b3bf91ee 172.16.0.1 172.16.0.107 1 unsolicited",
      "request 0025b3bf91ee 172.16.0.1 172.16.0.107 1 answered",
      "request 0025b3bf91ee 172.16.0.105 172.16.0.1 1",
    ]);
  });

  it.each([
    ["arp/hs-arpScan.pcap", "10.0.0.128", 255],
    ["arp/test8-malicious.pcap", "192.168.1.247", 255],
  ])("show a sweep: %s", async (name, sweeper, targets) => {
    const { records } = await new CaptureRecords().read(name);
    const asked = records.filter((record) => record.operation === "request" && record.sender === sweeper);
    expect(new Set(asked.map((record) => record.target)).size).toBe(targets);
    expect(asked.filter((record) => record.marks === "").length).toBeGreaterThan(0.9 * asked.length);
  });

  it("show an address that moves to another MAC", async () => {
    const { records } = await new CaptureRecords().read("arp/week5_shadow_device_arp_spoof.pcap");
    const holders = records.filter((record) => record.sender === "10.0.1.11");
    expect(new Set(holders.map((record) => record.senderMac))).toEqual(
      new Set(["acde48222202", "b827eb777707"]),
    );
  });

  it("of ordinary hosts tell every packet and no conflict", async () => {
    const { records, packets, counters } = await new CaptureRecords().read("benign/week1_baseline.pcap");
    const { requests, replies, announcements, probes } = counters;
    expect(packets).toBe(requests + replies + announcements + probes);
    const macs = new Map<string, Set<string>>();
    for (const { sender, senderMac } of records)
      macs.set(sender, (macs.get(sender) ?? new Set()).add(senderMac));
    expect([...macs.values()].filter((each) => each.size > 1)).toEqual([]);
  });
});
