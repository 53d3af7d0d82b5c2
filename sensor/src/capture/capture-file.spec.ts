import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { PicketError } from "@picket/proto/picket-error.js";
import { afterAll, describe, expect, it } from "vitest";
import { CaptureFile } from "./capture-file.js";
import { PacketBlock } from "./packet-source.js";
import { PcapngBuilder, pcapFile, type StoredPacket } from "./testing/capture-builder.js";
import { type ReadCapture, readAll } from "./testing/read-all.js";

const folder = mkdtempSync(join(tmpdir(), "picket-capture-"));
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
function stored(bytes: Uint8Array | string): string {
  const path = join(folder, `capture-${files++}`);
  writeFileSync(path, bytes);
  return path;
}

/** The bytes of all packets in order. */
function joined(capture: ReadCapture): Buffer {
  return Buffer.concat(capture.packets.map((packet) => packet.bytes));
}

/** Packets whose bytes and lengths tell them apart. */
function numbered(count: number): StoredPacket[] {
  return Array.from({ length: count }, (_, index) => ({
    seconds: 1_700_000_000 + index,
    fraction: index,
    bytes: new Uint8Array(14 + (index % 50)).fill(index),
  }));
}

describe("pcap", () => {
  it.each([
    [true, false, 123_456],
    [false, false, 123_456],
    [true, true, 123_456_789],
    [false, true, 123_456_789],
  ])("little endian %s, nanoseconds %s", async (isLittleEndian, isNanoseconds, fraction) => {
    const packet = { seconds: 1_700_000_000, fraction, bytes: Uint8Array.of(1, 2, 3), wireLength: 1500 };
    const path = stored(pcapFile([packet], { isLittleEndian, isNanoseconds, linkType: 113 }));
    const { packets, counters } = await readAll(path);
    expect(packets).toEqual([
      { timeUs: 1_700_000_000_123_456, linkType: 113, wireLength: 1500, bytes: Uint8Array.of(1, 2, 3) },
    ]);
    expect(counters).toEqual({ packetsReceived: 1, packetsDropped: 0, recordsCorrupt: 0 });
  });

  it("never reports a packet shorter on the wire than in the file", async () => {
    const path = stored(pcapFile([{ bytes: new Uint8Array(60), wireLength: 10 }]));
    expect((await readAll(path)).packets[0].wireLength).toBe(60);
  });

  it("ignores the check sequence length beside the link type", async () => {
    const path = stored(pcapFile([{ bytes: new Uint8Array(1) }], { linkType: 0x1400_0001 }));
    expect((await readAll(path)).packets[0].linkType).toBe(1);
  });

  it("holds nothing but its header", async () => {
    expect(await readAll(stored(pcapFile([])))).toMatchObject({ packets: [], truncatedReason: undefined });
  });

  it("delivers the same packets whatever the block size, across many reads", async () => {
    const path = stored(pcapFile(numbered(9000)));
    const one = await readAll(path, 1);
    const many = await readAll(path, 4096);
    expect(one.packets).toHaveLength(9000);
    expect(joined(one).equals(joined(many))).toBe(true);
    expect(one.packets.map((packet) => packet.timeUs)).toEqual(many.packets.map((packet) => packet.timeUs));
    expect(one.packets[8999].bytes).toEqual(new Uint8Array(14 + (8999 % 50)).fill(8999 & 0xff));
  });

  it("ends cleanly wherever it is cut off", async () => {
    const whole = pcapFile(numbered(3));
    const ends = [24, 24 + 30, 24 + 30 + 31, whole.length];
    for (let length = 24; length <= whole.length; length++) {
      const { packets, counters, truncatedReason } = await readAll(stored(whole.subarray(0, length)));
      const isWhole = ends.includes(length);
      expect(packets).toHaveLength(ends.filter((end) => end <= length).length - 1);
      expect(counters.recordsCorrupt).toBe(isWhole ? 0 : 1);
      expect(truncatedReason).toBe(isWhole ? undefined : "the last record is cut off");
    }
  });

  it("ends where a record claims an absurd length, and keeps what was before", async () => {
    const bytes = pcapFile(numbered(3));
    new DataView(bytes.buffer).setUint32(24 + 30 + 8, 262_145, true);
    const { packets, counters, truncatedReason } = await readAll(stored(bytes));
    expect(packets).toHaveLength(1);
    expect(counters.recordsCorrupt).toBe(1);
    expect(truncatedReason).toMatch(/262145 bytes/);
  });

  it("reads packets of the greatest length", async () => {
    const large = { bytes: new Uint8Array(262_144).fill(7) };
    const { packets } = await readAll(stored(pcapFile([large, large, large, large])));
    expect(packets.map((packet) => packet.bytes.length)).toEqual([262_144, 262_144, 262_144, 262_144]);
    expect(packets[3].bytes.every((byte) => byte === 7)).toBe(true);
  });
});

describe("pcapng", () => {
  const option = (code: number, ...value: number[]) => ({ code, value: Uint8Array.from(value) });
  const a = Uint8Array.of(1, 2, 3);
  const b = Uint8Array.of(4, 5, 6, 7, 8);

  it.each([true, false])("reads every kind of packet block, little endian %s", async (isLittleEndian) => {
    const file = new PcapngBuilder(isLittleEndian)
      .section()
      .interface(1)
      .interface(113)
      .packet(a, 1_700_000_000_123_456n, 0, 900)
      .oldPacket(b, 1_700_000_000_123_457n, 1)
      .simplePacket(a)
      .finish();
    expect((await readAll(stored(file))).packets).toEqual([
      { timeUs: 1_700_000_000_123_456, linkType: 1, wireLength: 900, bytes: a },
      { timeUs: 1_700_000_000_123_457, linkType: 113, wireLength: 5, bytes: b },
      { timeUs: 1_700_000_000_123_457, linkType: 1, wireLength: 3, bytes: a },
    ]);
  });

  it.each<[string, number, bigint, number]>([
    ["seconds", 0, 1_700_000_000n, 1_700_000_000_000_000],
    ["milliseconds", 3, 1_700_000_000_123n, 1_700_000_000_123_000],
    ["nanoseconds", 9, 1_700_000_000_123_456_789n, 1_700_000_000_123_456],
    ["nanoseconds just below a microsecond", 9, 1_700_000_000_123_456_999n, 1_700_000_000_123_456],
    ["picoseconds", 12, 1_700_000_123_456_789_012n, 1_700_000_123_456],
    ["parts of 2^32", 0x80 | 32, (1_700_000_000n << 32n) | 0x8000_0000n, 1_700_000_000_500_000],
    ["parts of 2^10", 0x80 | 10, 1_700_000_000n * 1024n + 512n, 1_700_000_000_500_000],
  ])("reads times in %s", async (_name, resolution, ticks, expected) => {
    const file = new PcapngBuilder()
      .section()
      .interface(1, 0, [option(9, resolution)])
      .packet(a, ticks);
    expect((await readAll(stored(file.finish()))).packets[0].timeUs).toBe(expected);
  });

  it.each([
    ["adds the offset of an interface", [0, 0, 0, 60], 61_000_000],
    ["ignores an absurd offset", [0x7f, 0, 0, 0], 1_000_000],
  ])("%s", async (_name, [top, ...low], expected) => {
    const offset = option(14, top, 0, 0, 0, 0, ...low);
    const file = new PcapngBuilder(false).section().interface(1, 0, [offset]).packet(a, 1_000_000n);
    expect((await readAll(stored(file.finish()))).packets[0].timeUs).toBe(expected);
  });

  it.each([
    ["before 1970", option(14, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0)],
    ["beyond the year 2255", option(9, 0)],
  ])("counts packets from a time %s", async (_name, setting) => {
    const file = new PcapngBuilder(false).section().interface(1, 0, [setting]).interface(1);
    file.packet(a, 1_000_000_000_000n, 0).packet(a, 5n, 1).packet(a, 1n, 0);
    const { packets, counters } = await readAll(stored(file.finish()));
    expect(packets.filter((packet) => packet.timeUs === 5)).toHaveLength(1);
    expect(counters.recordsCorrupt + packets.length).toBe(3);
    expect(counters.recordsCorrupt).toBeGreaterThan(0);
  });

  it("cuts a simple packet at the snap length", async () => {
    const file = new PcapngBuilder().section().interface(1, 2).simplePacket(a, 1500).finish();
    expect((await readAll(stored(file))).packets[0]).toMatchObject({
      wireLength: 1500,
      bytes: a.subarray(0, 2),
    });
  });

  it("starts afresh with every section, in another byte order too", async () => {
    const first = new PcapngBuilder().section().interface(1).packet(a, 1n).finish();
    const second = new PcapngBuilder(false).section().interface(101).packet(b, 2n).finish();
    const { packets } = await readAll(stored(Buffer.concat([first, second])));
    expect(packets.map((packet) => [packet.linkType, packet.timeUs])).toEqual([
      [1, 1],
      [101, 2],
    ]);
  });

  it("passes over blocks it does not know, however large", async () => {
    const builder = new PcapngBuilder().section().interface(1);
    builder.block(0x0bad, builder.body().raw(new Uint8Array(600_000))).packet(a, 1n);
    expect((await readAll(stored(builder.finish()))).packets).toHaveLength(1);
  });

  it("counts packets of an interface nobody described, and goes on", async () => {
    const file = new PcapngBuilder().section().simplePacket(a).interface(1).packet(a, 1n, 7).packet(b, 2n);
    const { packets, counters, truncatedReason } = await readAll(stored(file.finish()));
    expect(packets).toHaveLength(1);
    expect(counters.recordsCorrupt).toBe(2);
    expect(truncatedReason).toBeUndefined();
  });

  it("ends cleanly wherever it is cut off", async () => {
    const builder = new PcapngBuilder().section().interface(1).packet(a, 1n);
    const whole = builder
      .block(0x0bad, builder.body().raw(new Uint8Array(40)))
      .packet(b, 2n)
      .finish();
    for (let length = 28; length < whole.length; length++) {
      const { packets, counters, truncatedReason } = await readAll(stored(whole.subarray(0, length)));
      expect(packets.length).toBe(length < 28 + 20 + 36 ? 0 : 1);
      expect(counters.recordsCorrupt === 0).toBe(truncatedReason === undefined);
    }
  });

  const start = () => new PcapngBuilder().section().interface(1).packet(a, 1n);
  it.each<[string, PcapngBuilder, RegExp]>([
    ["a block of 8 bytes", start().block(6, start().body(), 8), /claims 8 bytes/],
    ["an odd length", start().block(6, start().body(), 13), /claims 13 bytes/],
    ["an absurd packet block", start().block(6, start().body(), 0x7fff_fff0), /claims 2147483632 bytes/],
    ["a packet block too short", start().block(6, start().body().u32(0)), /too short/],
    ["a simple packet too short", start().block(3, start().body()), /too short/],
    ["an interface too short", start().block(1, start().body()), /too short/],
    ["a section too short", start().block(0x0a0d0d0a, start().body().u32(0x1a2b3c4d)), /too short/],
    ["a section of version 2", start().section(2), /version 2/],
    ["a section without byte order", start().block(0x0a0d0d0a, start().body().u32(1).u32(0)), /byte-order/],
    [
      "a packet longer than its block",
      start().block(6, start().body().u32(0).u32(0).u32(0).u32(5).u32(5).u32(0)),
      /longer than its block/,
    ],
  ])("ends at %s, and keeps what was before", async (_name, builder, reason) => {
    const { packets, counters, truncatedReason } = await readAll(stored(builder.finish()));
    expect(packets).toHaveLength(1);
    expect(counters.recordsCorrupt).toBe(1);
    expect(truncatedReason).toMatch(reason);
  });
});

it("a pcapng block with two different lengths ends the file", async () => {
  const bytes = new PcapngBuilder().section().interface(1).packet(Uint8Array.of(1), 1n).finish();
  new DataView(bytes.buffer).setUint32(bytes.length - 4, 40, true);
  const { packets, truncatedReason } = await readAll(stored(bytes));
  expect(packets).toHaveLength(0);
  expect(truncatedReason).toMatch(/lengths of a block differ/);
});

describe("gzip", () => {
  const whole = pcapFile(numbered(5000));

  it("is unpacked on the way", async () => {
    const { packets, counters } = await readAll(stored(gzipSync(whole)));
    expect(packets).toHaveLength(5000);
    expect(counters.recordsCorrupt).toBe(0);
  });

  it("may consist of several members", async () => {
    const path = stored(Buffer.concat([gzipSync(whole.subarray(0, 999)), gzipSync(whole.subarray(999))]));
    expect((await readAll(path)).packets).toHaveLength(5000);
  });

  it("delivers what was whole before it was cut off", async () => {
    const packed = gzipSync(whole, { level: 0 });
    const { packets, truncatedReason } = await readAll(stored(packed.subarray(0, packed.length / 2)));
    expect(packets.length).toBeGreaterThan(2000);
    expect(truncatedReason).toMatch(/gzip data is damaged or cut off/);
  });

  it("delivers what was whole before it was damaged", async () => {
    const packed = gzipSync(whole, { level: 0 });
    // Behind the gzip header: stored blocks of a type byte, a length, its complement, the bytes.
    let third = 10;
    for (let blocks = 0; blocks < 2; blocks++) third += 5 + packed.readUInt16LE(third + 1);
    packed.writeUInt16LE(packed.readUInt16LE(third + 1), third + 3);
    const { packets, counters, truncatedReason } = await readAll(stored(packed));
    expect(packets.length).toBeGreaterThan(100);
    expect(counters.recordsCorrupt).toBe(1);
    expect(truncatedReason).toMatch(/gzip data is damaged/);
  });

  it("of a bomb is never unpacked as a whole", async () => {
    const zeros = { bytes: new Uint8Array(200_000) };
    const one = pcapFile([zeros]).subarray(24);
    const bomb = gzipSync(Buffer.concat([pcapFile([]), ...Array.from({ length: 400 }, () => one)]));
    expect(bomb.length).toBeLessThan(400_000);
    const file = await CaptureFile.open(stored(bomb));
    const block = new PacketBlock();
    const before = process.memoryUsage.rss();
    let peak = before;
    while (await file.next(block)) peak = Math.max(peak, process.memoryUsage.rss());
    expect(file.counters.packetsReceived).toBe(400);
    expect(peak - before).toBeLessThan(48 * 1024 * 1024);
  });
});

describe("what is no capture", () => {
  it.each<[string, Uint8Array | string, RegExp]>([
    ["an empty file", "", /is empty/],
    ["text", "hello, world\n", /looks like text/],
    ["a Zeek log", "#separator \\x09\n", /Zeek log/],
    ["zeros", new Uint8Array(100), /nothing but zeros/],
    ["zstandard", Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0), /zstd -d/],
    ["a program", "\x7fELF\x02\x01", /a program/],
    ["anything else", Uint8Array.of(0xde, 0xad, 0xbe, 0xef), /begins with deadbeef/],
    ["gzipped text", gzipSync("hello"), /looks like text/],
    ["an empty gzip file", gzipSync(""), /is empty/],
    ["a broken gzip file", Uint8Array.of(0x1f, 0x8b, 8, 0, 0), /gzip data is damaged/],
    ["gzip within gzip", gzipSync(gzipSync(pcapFile([]))), /gzip data within gzip/],
    ["a cut pcap header", pcapFile([]).subarray(0, 23), /within its header/],
    ["a cut pcapng header", new PcapngBuilder().section().finish().subarray(0, 11), /within its header/],
    ["pcap version 3", pcapFile([], { majorVersion: 3 }), /version 3/],
  ])("%s is refused with one line", async (_name, bytes, reason) => {
    const error: unknown = await CaptureFile.open(stored(bytes)).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(PicketError);
    expect(error).toMatchObject({ code: "CAPTURE_FORMAT", message: expect.stringMatching(reason) });
  });

  it.each<[string, string, RegExp]>([
    ["a missing file", "/nowhere/at-all.pcap", /does not exist/],
    ["a directory", folder, /is a directory/],
    ["a path through a file", "/etc/passwd/x", /a part of the path is a file/],
  ])("%s is refused with one line", async (_name, path, reason) => {
    await expect(CaptureFile.open(path)).rejects.toMatchObject({
      code: "FILE_UNREADABLE",
      message: expect.stringMatching(reason),
    });
  });
});

describe("a source of packets", () => {
  it("runs to its end", async () => {
    const file = await CaptureFile.open(stored(pcapFile(numbered(5000))));
    const counts: number[] = [];
    await file.run((block) => counts.push(block.count));
    expect(counts.reduce((sum, count) => sum + count)).toBe(5000);
  });

  it("delivers nothing after stop, which may be called twice", async () => {
    const file = await CaptureFile.open(stored(pcapFile(numbered(10))));
    const block = new PacketBlock(4);
    expect(await file.next(block)).toBe(true);
    await file.stop();
    await file.stop();
    expect(await file.next(block)).toBe(false);
    expect(file.counters.packetsReceived).toBe(4);
  });

  it("reads standard input, in pieces of any size", async () => {
    const whole = gzipSync(pcapFile(numbered(3000)));
    const pieces = Readable.from([whole.subarray(0, 1), whole.subarray(1, 500), whole.subarray(500)]);
    const stdin = Object.getOwnPropertyDescriptor(process, "stdin") ?? {};
    Object.defineProperty(process, "stdin", { value: pieces, configurable: true });
    try {
      const { packets, counters } = await readAll("-");
      expect(packets).toHaveLength(3000);
      expect(counters.recordsCorrupt).toBe(0);
    } finally {
      Object.defineProperty(process, "stdin", stdin);
    }
  });

  it.each<[string, Uint8Array]>([
    ["plain", pcapFile(numbered(2))],
    ["gzipped", gzipSync(pcapFile(numbered(2)))],
  ])("stops while it waits for a pipe, %s", async (name, bytes) => {
    const pipe = join(folder, `silent-pipe-${name}`);
    execFileSync("mkfifo", [pipe]);
    const head = stored(name === "plain" ? bytes.subarray(0, bytes.length - 5) : bytes);
    const writer = spawn("sh", ["-c", 'exec 3> "$1"; cat "$0" >&3; exec sleep 60', head, pipe]);
    const file = await CaptureFile.open(pipe);
    const block = new PacketBlock();
    expect(await file.next(block)).toBe(true);
    const waiting = file.next(block);
    await file.stop();
    expect(await waiting).toBe(false);
    expect(file.counters.recordsCorrupt).toBe(0);
    writer.kill();
  });

  it("reads a named pipe", async () => {
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    const source = stored(gzipSync(pcapFile(numbered(3000))));
    const writer = spawn("sh", ["-c", 'cat "$0" > "$1"', source, pipe]);
    expect((await readAll(pipe)).packets).toHaveLength(3000);
    writer.kill();
  });
});
