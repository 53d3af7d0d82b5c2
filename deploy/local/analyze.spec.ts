import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { defaultPolicyRevision } from "@picket/correlator/policy/policy.js";
import { pcapFile, type StoredPacket } from "@picket/sensor/capture/testing/capture-builder.js";
import { EtherType, ethernet, ipv4, tcp } from "@picket/sensor/decode/testing/frame-builder.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { analyze } from "./analyze.js";

const startSeconds = 1_700_000_000;
const scanner = "203.0.113.9";
const scannerPort = 40_000;
const service = 22;
const syn = 0x02;
const resetAck = 0x14;

describe("an analysis", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "picket-analyze-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("tells of the contacts in the last second of the files too", async () => {
    const path = join(folder, "scan.pcap");
    const early = Array.from({ length: 8 }, (_, host) => probe(host, host, 0));
    // The refused contact opens the incident an hour later, the last one follows within the second.
    const late = [probe(8, 3600, 0), answer(8, 3600, 100_000), probe(9, 3600, 200_000)];
    await writeFile(path, pcapFile([...early, ...late]));
    const { incidents } = await analyze([{ sensor: "web", path }], defaultPolicyRevision);
    expect(incidents).toMatchObject([{ kind: "horizontal_scan", sources: [scanner], contactCount: 10 }]);
  });
});

function probe(host: number, seconds: number, fraction: number): StoredPacket {
  const segment = tcp({ sourcePort: scannerPort, destinationPort: service, flags: syn });
  return stored(ipv4({ source: scanner, destination: hostAddress(host) }, segment), seconds, fraction);
}

function answer(host: number, seconds: number, fraction: number): StoredPacket {
  const segment = tcp({ sourcePort: service, destinationPort: scannerPort, flags: resetAck });
  return stored(ipv4({ source: hostAddress(host), destination: scanner }, segment), seconds, fraction);
}

function stored(packet: Uint8Array, seconds: number, fraction: number): StoredPacket {
  return { seconds: startSeconds + seconds, fraction, bytes: ethernet(EtherType.ipv4, packet) };
}

function hostAddress(host: number): string {
  return `10.0.1.${host + 1}`;
}
