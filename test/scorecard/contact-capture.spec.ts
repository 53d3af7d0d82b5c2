import { join } from "node:path";
import { expect, it } from "vitest";
import { TcpFlag } from "../scenarios/frame.js";
import { withFolder } from "./analysis.js";
import { framesOf, writeFrames } from "./contact-capture.js";
import { ProbeCapture, reversed } from "./probe-capture.js";

const scanner = 0x0a00_0007;
const probe = (host: number, destinationPort: number) => ({
  isIpv6: false,
  source: scanner,
  destination: 0x0a00_0100 + host,
  sourcePort: 50_000,
  destinationPort,
});

it("numbers a scanner's contacts, answers and retries with their probe, and leaves others alone", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "scan.pcap");
    const capture = new ProbeCapture();
    capture.add(0, probe(1, 22), TcpFlag.syn);
    capture.add(10, probe(2, 22), TcpFlag.syn);
    capture.add(20, reversed(probe(1, 22)), TcpFlag.reset | TcpFlag.ack);
    capture.add(30, { ...probe(3, 443), source: 0x0a00_0008 }, TcpFlag.syn);
    capture.add(40, probe(1, 22), TcpFlag.syn);
    capture.add(50, probe(1, 23), TcpFlag.syn);
    capture.write(path);
    const frames = await framesOf(path, scanner);
    expect(frames.map(({ contact }) => contact)).toEqual([0, 1, 0, undefined, 0, 2]);
    expect(frames[0].host).toBe(0x0a00_0101);
    expect(frames[2].host).toBe(frames[0].host);

    const copy = join(folder, "copy.pcap");
    writeFrames(copy, frames);
    expect(await framesOf(copy, scanner)).toEqual(frames);
  });
});
