import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import { PicketError } from "@picket/proto/picket-error.js";
import { CaptureFile } from "@picket/sensor/capture/capture-file.js";
import { PacketBlock } from "@picket/sensor/capture/packet-source.js";
import { PcapngBuilder, pcapFile } from "@picket/sensor/capture/testing/capture-builder.js";
import { FlowLogFile } from "@picket/sensor/flow-log/zeek-conn-log.js";
import { afterAll, expect, it } from "vitest";
import { SeededRandom } from "../scenarios/seeded-random.js";
import { generatedFrames } from "./frame-corpus.js";

const seed = 20_260_102;
const filesMax = 300;
const folder = mkdtempSync(join(tmpdir(), "picket-fuzz-"));
afterAll(() => rmSync(folder, { recursive: true }));

const frames = generatedFrames()
  .slice(0, 20)
  .map((frame) => frame.bytes);

function pcapngFile(isLittleEndian: boolean): Uint8Array {
  const resolution = { code: 9, value: Uint8Array.of(9) };
  const builder = new PcapngBuilder(isLittleEndian).section().interface(1).interface(101, 64, [resolution]);
  frames.forEach((frame, index) =>
    builder.packet(frame, 1_700_000_000_000_000n, index & 1).simplePacket(frame),
  );
  return builder
    .block(5, builder.body().u32(1).u32(2))
    .section()
    .interface(1)
    .oldPacket(frames[0], 1n)
    .finish();
}

const connLog = [
  "#separator \\x09",
  "#fields\tts\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tconn_state\thistory",
  ...frames.map((_frame, index) => `17${index}.5\t10.0.0.1\t${index}\tfe80::${index}\t443\ttcp\tS0\tS`),
].join("\n");
const connJson = frames
  .map(
    (_, index) =>
      `{"ts":1.5,"id.orig_h":"10.0.0.1","id.orig_p":${index},"id.resp_h":"::1","id.resp_p":1,"proto":"udp"}`,
  )
  .join("\n");

/** Changes some bytes, mostly to numbers that mean something in a header, and now and then the length. */
function mutated(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const changes = 1 + random.below(6);
  for (let change = 0; change < changes; change++) {
    const value = random.chance(0.5) ? random.below(256) : random.pick([0, 1, 2, 4, 0x7f, 0x80, 0xff]);
    copy[random.below(copy.length)] = value;
  }
  return random.chance(0.2) ? copy.subarray(0, random.below(copy.length)) : copy;
}

/** Reads a whole file and checks that every packet lies in its block and in time. */
async function readCapture(path: string): Promise<number> {
  const file = await CaptureFile.open(path);
  const block = new PacketBlock(16);
  while (await file.next(block)) {
    for (let index = 0; index < block.count; index++) {
      if (!isPlausible(block, index)) throw new Error(`packet ${index} is impossible`);
    }
  }
  expect(file.counters.recordsCorrupt > 0 || file.truncatedReason === undefined).toBe(true);
  return file.counters.packetsReceived;
}

function isPlausible(block: PacketBlock, index: number): boolean {
  const isInside = block.offset[index] + block.capturedLength[index] <= block.bytes.length;
  const isTime = Number.isSafeInteger(block.timeUs[index]) && block.timeUs[index] >= 0;
  return isInside && isTime && block.wireLength[index] >= block.capturedLength[index];
}

/** Reads a whole log and checks that every number fits its column. */
async function readLog(path: string): Promise<number> {
  const log = await FlowLogFile.open(path);
  const builder = new FlowBatchBuilder(16);
  while (await log.next(builder)) {
    const { columns } = builder;
    for (let row = 0; row < builder.length; row++) {
      const isTime = Number.isSafeInteger(columns.startUs[row]) && columns.startUs[row] >= 0;
      if (!isTime || columns.endUs[row] < columns.startUs[row]) throw new Error(`row ${row} is impossible`);
    }
  }
  return log.counters.recordsRead;
}

it.each<[string, Uint8Array, (path: string) => Promise<number>]>([
  ["pcap", pcapFile(frames.map((bytes) => ({ bytes }))), readCapture],
  [
    "pcap, big endian",
    pcapFile(
      frames.map((bytes) => ({ bytes })),
      { isLittleEndian: false },
    ),
    readCapture,
  ],
  ["pcapng", pcapngFile(true), readCapture],
  ["pcapng, big endian", pcapngFile(false), readCapture],
  ["Zeek log", Buffer.from(connLog), readLog],
  ["Zeek log as JSON", Buffer.from(connJson), readLog],
])(
  "a damaged %s file is read to an end or refused",
  async (_name, whole, read) => {
    const random = new SeededRandom(seed);
    const path = join(folder, "damaged");
    let records = 0;
    for (let file = 0; file < filesMax; file++) {
      writeFileSync(path, mutated(whole, random));
      try {
        records += await read(path);
      } catch (error) {
        if (!(error instanceof PicketError)) throw error;
        expect(error.message).not.toContain("\n");
      }
    }
    expect(records).toBeGreaterThan(filesMax);
  },
  60_000,
);
