import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { captureNotes, type FlowNote } from "./testing/capture-notes.js";

const captures =
  process.env["PICKET_CAPTURES"] ?? fileURLToPath(new URL("../../../../shared/captures", import.meta.url));
const hasCaptures = existsSync(captures);
if (!hasCaptures)
  process.stderr.write(`no captures in ${captures} (PICKET_CAPTURES): notes not checked on them\n`);

const countOf = (flows: readonly FlowNote[], application: string): number =>
  flows.filter((flow) => flow.application === application).length;

/** As in the policy; a TLS client's hello with its server name is up to 318 bytes long with its headers. */
const defaultSnapLengthBytes = 384;
const notesOf = (file: string, snapLengthBytes?: number): ReturnType<typeof captureNotes> =>
  captureNotes(join(captures, file), snapLengthBytes);

describe.skipIf(!hasCaptures)("notes of real captures", () => {
  it("tell every SYN of masscan", async () => {
    const { flows, counters } = await notesOf("scan/masscan_tcp_0_1000.pcap");
    expect(counters.probeMarks).toBe(1001);
    expect(new Set(flows.map((flow) => flow.fingerprint))).toEqual(new Set(["255 1024 0 255 - - masscan"]));
  });

  it("tell nmap by MSS alone and a multiple of 1024 as window", async () => {
    const { flows } = await notesOf("scan/synscan.pcapng");
    const fingerprints = new Set(flows.map((flow) => flow.fingerprint));
    const windows = [1024, 2048, 3072, 4096];
    const expected = windows.map((window) => `64 ${window} 1460 255 maximumSegmentSize - none`);
    expect(fingerprints).toEqual(new Set(expected));
  });

  it.each([
    { file: "mining/bitcoin-mining.pcap", flows: 3 },
    { file: "mining/bitcoin-mining-in-progress.pcap", flows: 1 },
    { file: "mining/ethereum.pcap", flows: 0 },
    { file: "benign/week1_baseline.pcap", flows: 0 },
    { file: "benign/bob2diego.pcap", flows: 0 },
  ])("tell $flows miners in $file at the default snap length", async ({ file, flows }) => {
    expect(countOf((await notesOf(file, defaultSnapLengthBytes)).flows, "stratum")).toBe(flows);
  });

  it.each([
    { file: "mining/bitcoin-mining.pcap", names: 5 },
    { file: "benign/ocs.pcap", names: 3 },
    { file: "beacon/test-cc-capture-1.pcap", names: 297 },
  ])("name the $names TLS servers of $file", async ({ file, names }) => {
    const { counters } = await notesOf(file, defaultSnapLengthBytes);
    expect(counters).toMatchObject({ tlsNames: names, namesTruncated: 0 });
  });

  it.each([
    { file: "arp/arppoison.pcapng", names: 27, first: "www.google.com" },
    { file: "scan/ppa_evilprogram.pcap", names: 10, first: "updatekeepalive.mcafee.com" },
    { file: "benign/http_espn_fail.pcapng", names: 7, first: "www.espn.com" },
  ])("name the $names hosts asked for in $file", async ({ file, names, first }) => {
    const { flows, counters } = await notesOf(file, defaultSnapLengthBytes);
    expect(counters.dnsNames).toBe(names);
    expect(flows.find((flow) => flow.application === "dns")?.name).toBe(first);
  });

  it("tell SSH from each side alone", async () => {
    for (const side of ["client", "server"]) {
      const { flows } = await notesOf(`both-ends/ssh.${side}-side-half-duplex.pcap`);
      expect(countOf(flows, "ssh")).toBe(20);
    }
  });
});
