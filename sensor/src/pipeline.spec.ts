import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type FlowColumns, Outcome, outcomeNames, RecordKind } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { CaptureFile } from "./capture/capture-file.js";
import { PacketBlock } from "./capture/packet-source.js";
import { SensorPipeline } from "./pipeline.js";

const linkTypeRawIp = 101;
const startUs = 1_700_000_000_000_000;

/** A block of IPv4 TCP packets without payload. */
function blockOf(
  packets: readonly { atMs: number; from: number; to: number; flags: number; sequence?: number }[],
): PacketBlock {
  const block = new PacketBlock(Math.max(1, packets.length));
  block.bytes = new Uint8Array(40 * packets.length);
  block.view = new DataView(block.bytes.buffer);
  block.count = packets.length;
  for (const [i, packet] of packets.entries()) {
    const at = i * 40;
    block.view.setUint16(at, 0x4500);
    block.view.setUint16(at + 2, 40);
    block.bytes.set([64, 6], at + 8);
    block.view.setUint32(at + 12, 0x0a00_0000 + packet.from);
    block.view.setUint32(at + 16, 0x0a00_0000 + packet.to);
    block.view.setUint16(at + 20, packet.from === 1 ? 80 : 40_000);
    block.view.setUint16(at + 22, packet.to === 1 ? 80 : 40_000);
    block.view.setUint32(at + 24, packet.sequence ?? 1);
    block.bytes.set([0x50, packet.flags], at + 32);
    block.offset[i] = at;
    block.capturedLength[i] = 40;
    block.wireLength[i] = 60;
    block.linkType[i] = linkTypeRawIp;
    block.timeUs[i] = startUs + packet.atMs * 1000;
  }
  return block;
}

/** A pipeline and the number of records of each batch it delivered. */
function pipelineOf(): { pipeline: SensorPipeline; batches: number[] } {
  const batches: number[] = [];
  return { pipeline: new SensorPipeline({}, (columns) => batches.push(columns.length)), batches };
}

describe("SensorPipeline", () => {
  it("counts packets, bytes and what decode could not meter", () => {
    const { pipeline } = pipelineOf();
    const block = blockOf([
      { atMs: 0, from: 2, to: 1, flags: 2 },
      { atMs: 1, from: 3, to: 1, flags: 2 },
    ]);
    block.capturedLength[1] = 10;
    pipeline.onBlock(block);
    expect(pipeline.counters).toMatchObject({
      packets_received: 2,
      bytes_received: 120,
      packets_flow: 1,
      packets_truncated_ipv4: 1,
      metering_flows_opened: 1,
      metering_flows_live: 1,
    });
  });

  it("flushes a failed contact after 200 ms of packet time", () => {
    const { pipeline, batches } = pipelineOf();
    pipeline.onBlock(
      blockOf([
        { atMs: 0, from: 2, to: 1, flags: 2 },
        { atMs: 5, from: 1, to: 2, flags: 20 },
      ]),
    );
    pipeline.onBlock(blockOf([{ atMs: 204, from: 3, to: 1, flags: 2 }]));
    expect(batches).toEqual([]);
    pipeline.onBlock(blockOf([{ atMs: 205, from: 4, to: 1, flags: 2 }]));
    expect(batches).toEqual([1]);
  });

  it("flushes by idle time as well", () => {
    const { pipeline, batches } = pipelineOf();
    pipeline.onBlock(blockOf([{ atMs: 0, from: 2, to: 1, flags: 2 }]));
    pipeline.advance(startUs + 1_550_000);
    expect(batches).toEqual([]);
    pipeline.advance(startUs + 1_750_000);
    expect(batches).toEqual([1]);
  });

  it("flushes other records after 2 s", () => {
    const { pipeline, batches } = pipelineOf();
    pipeline.onBlock(
      blockOf([
        { atMs: 0, from: 1, to: 2, flags: 18 },
        { atMs: 1, from: 2, to: 1, flags: 4 },
      ]),
    );
    pipeline.advance(startUs + 1_100_000);
    pipeline.advance(startUs + 3_000_000);
    expect(batches).toEqual([]);
    pipeline.advance(startUs + 3_100_000);
    expect(batches).toEqual([1]);
  });

  it("flushes a full batch and loses no record", () => {
    const { pipeline, batches } = pipelineOf();
    const packets = Array.from({ length: 3000 }, (_, i) => ({ atMs: 0, from: 2 + i, to: 1, flags: 2 }));
    pipeline.onBlock(blockOf(packets));
    pipeline.finish();
    expect(batches.length).toBeGreaterThan(1);
    expect(batches.reduce((sum, records) => sum + records, 0)).toBe(3000);
  });

  it("flushes when the clock is set back", () => {
    const { pipeline, batches } = pipelineOf();
    pipeline.onBlock(
      blockOf([
        { atMs: 0, from: 2, to: 1, flags: 2 },
        { atMs: 5, from: 1, to: 2, flags: 20 },
      ]),
    );
    pipeline.onBlock(blockOf([{ atMs: -3_600_000, from: 3, to: 1, flags: 2 }]));
    expect(batches).toEqual([1]);
  });
});

const captures =
  process.env.PICKET_CAPTURES ?? fileURLToPath(new URL("../../../shared/captures", import.meta.url));

/** What the first records of a capture's flows say, by outcome and protocol, and its distinct failed contacts. */
async function meterFile(
  path: string,
): Promise<{ outcomes: Record<string, number>; failedContacts: number }> {
  const outcomes: Record<string, number> = {};
  const contacts = new Set<string>();
  let packets = 0;
  const pipeline = new SensorPipeline({}, (columns: FlowColumns) => {
    for (let row = 0; row < columns.length; row++) {
      packets += columns.forwardPackets[row] + columns.reversePackets[row];
      const outcome = columns.outcome[row];
      const isFirst =
        columns.recordKind[row] === RecordKind.first || columns.recordKind[row] === RecordKind.only;
      if (!isFirst) continue;
      const name = `${outcomeNames[outcome]} ${columns.protocol[row]}`;
      outcomes[name] = (outcomes[name] ?? 0) + 1;
      if (outcome === Outcome.unknown || outcome === Outcome.answered) continue;
      const addressOf = (index: number): string =>
        columns.addressWords.slice(index * 4, index * 4 + 4).join(".");
      contacts.add(
        [
          addressOf(columns.sourceIndex[row]),
          addressOf(columns.destinationIndex[row]),
          columns.destinationPort[row],
          columns.protocol[row],
        ].join(" "),
      );
    }
  });
  const file = await CaptureFile.open(`${captures}/${path}`);
  const block = new PacketBlock();
  while (await file.next(block)) pipeline.onBlock(block);
  pipeline.finish();
  expect(packets).toBe(pipeline.counters.metering_packets);
  return { outcomes, failedContacts: contacts.size };
}

describe.skipIf(!existsSync(captures))(`outcomes of real captures (skipped without ${captures})`, () => {
  it.each([
    ["scan/nmap_TCP_SYN_SCAN.pcap", { "refused 6": 995, "half-open 6": 5 }, 1000],
    ["scan/nmap_UDP_SCAN.pcap", { "unreachable 17": 991, "answered 17": 2 }, 999],
    ["scan/nmap_FIN_SCAN.pcap", { "refused 6": 1000 }, 1000],
    ["scan/nmap_NULL_SCAN.pcap", { "refused 6": 1000 }, 1000],
    ["scan/synscan.pcapng", { "refused 6": 5, "half-open 6": 3 }, 1000],
    ["scan/23-tcp-scan.pcap", { "ignored 6": 12_007 }, 12_007],
    ["scan/445_scan.pcap", { "ignored 6": 10 }, 9],
    ["scan/port_scan.pcap", { "ignored 6": 10 }, 10],
    ["scan/test12-icmp-portscan.pcap", { "answered 1": 11, "ignored 1": 7 }, 7],
    ["flood/pkt.TCP.synflood.spoofed.pcap", { "ignored 6": 37_669 }, 37_623],
    ["both-ends/ssh.client-side-half-duplex.pcap", { "answered 6": 20 }, 0],
    ["both-ends/ssh.server-side-half-duplex.pcap", { "unknown 6": 20 }, 0],
    ["benign/http_espn_fail.pcapng", { "answered 6": 7 }, 1],
    ["benign/ntp2.pcap", { "answered 17": 17 }, 1],
    ["beacon/test-cc-capture-1.pcap", { "answered 6": 299 }, 0],
  ])("%s", async (path, outcomes, failedContacts) => {
    const result = await meterFile(path);
    expect(result.outcomes).toMatchObject(outcomes);
    expect(result.failedContacts).toBe(failedContacts);
  });
});
