import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { decodeFrame } from "../decode/decode-frame.js";
import { DecodedPacket, DecodeResult, decodeResultNames } from "../decode/decoded-packet.js";
import { CaptureFile } from "./capture-file.js";
import { PacketBlock } from "./packet-source.js";

const shared = resolve(import.meta.dirname, "../../../../shared");
const captures = process.env["PICKET_CAPTURES"] ?? join(shared, "captures");
const malformed = process.env["PICKET_MALFORMED"] ?? join(shared, "malformed");
const hasTcpdump = spawnSync("tcpdump", ["--version"]).error === undefined;

/** Results of every packet of a file, and how many decoded packets `select` accepts. */
async function decodeFile(
  path: string,
  select: (packet: DecodedPacket, result: number) => boolean = () => false,
) {
  const file = await CaptureFile.open(path);
  const block = new PacketBlock();
  const packet = new DecodedPacket();
  const results = new Uint32Array(decodeResultNames.length);
  let selected = 0;
  while (await file.next(block)) {
    for (let i = 0; i < block.count; i++) {
      const { bytes, view, offset, capturedLength, linkType } = block;
      const result = decodeFrame(bytes, view, offset[i], capturedLength[i], linkType[i], packet);
      results[result]++;
      if (select(packet, result)) selected++;
    }
  }
  return { file, results, selected, decoded: results.reduce((sum, count) => sum + count, 0) };
}

describe.skipIf(!existsSync(captures))(`real captures in ${captures}`, () => {
  const index = existsSync(captures) ? readFileSync(join(captures, "INDEX.md"), "utf8") : "";
  const rows = [...index.matchAll(/^\| (\S+) \| (\d+) \|/gm)].map((row) => [row[1], Number(row[2])] as const);

  it("are listed in the index", () => expect(rows.length).toBeGreaterThan(0));

  it.each(rows)("%s holds %d packets", async (name, packets) => {
    const { file, decoded } = await decodeFile(join(captures, name));
    expect(file.counters).toEqual({ packetsReceived: packets, packetsDropped: 0, recordsCorrupt: 0 });
    expect(decoded).toBe(packets);
  });

  const isSyn = (packet: DecodedPacket) => packet.protocol === 6 && (packet.tcpFlags & 0x12) === 0x02;
  const isUnreachable = (packet: DecodedPacket) => packet.protocol === 1 && packet.destinationPort === 0x0303;
  const filters: [string, string, (packet: DecodedPacket) => boolean][] = [
    ["scan/nmap_TCP_CONNECT_SCAN.pcap", "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn", isSyn],
    ["scan/synscan.pcapng", "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn", isSyn],
    ["scan/nmap_UDP_SCAN.pcap", "icmp[0] == 3 and icmp[1] == 3", isUnreachable],
    [
      "benign/ocs.pcap",
      "tcp port 80",
      ({ sourcePort, destinationPort }) => sourcePort === 80 || destinationPort === 80,
    ],
    ["benign/bob2diego.pcap", "udp", (packet) => packet.protocol === 17],
    ["benign/ospf.pcap", "ip6", (packet) => packet.isIpv6],
    ["flood/amp.UDP.snmp.src161.pcapng", "udp src port 161", (packet) => packet.sourcePort === 161],
  ];

  it.skipIf(!hasTcpdump).each(filters)("%s: as many '%s' as tcpdump finds", async (name, filter, select) => {
    const path = join(captures, name);
    const selectFlow = (packet: DecodedPacket, result: number) =>
      result === DecodeResult.flow && select(packet);
    const { selected } = await decodeFile(path, selectFlow);
    const output = execFileSync("tcpdump", ["--count", "-r", path, filter], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    expect(selected).toBe(Number(/(\d+) packet/.exec(output.toString())?.[1]));
    expect(selected).toBeGreaterThan(0);
  });
});

describe.skipIf(!existsSync(malformed))(`malformed captures in ${malformed}`, () => {
  const folders = existsSync(malformed)
    ? readdirSync(malformed, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    : [];

  it.each(folders.map((folder) => folder.name))("%s: every packet gets a result", async (folder) => {
    const totals = new Uint32Array(decodeResultNames.length);
    let corrupt = 0;
    const names = readdirSync(join(malformed, folder));
    for (const name of names) {
      const { file, results, decoded } = await decodeFile(join(malformed, folder, name));
      expect(decoded, name).toBe(file.counters.packetsReceived);
      corrupt += file.counters.recordsCorrupt;
      results.forEach((count, result) => (totals[result] += count));
    }
    const counts = decodeResultNames.map((name, result) => `${name} ${totals[result]}`).join(", ");
    process.stdout.write(`${folder}: ${names.length} files, corrupt records ${corrupt}: ${counts}\n`);
    expect(totals[DecodeResult.flow]).toBeGreaterThan(0);
  });
});
