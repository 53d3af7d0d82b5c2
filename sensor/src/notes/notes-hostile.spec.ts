import { describe, expect, it } from "vitest";
import { DecodedPacket, DecodeResult } from "../decode/decoded-packet.js";
import { decodeFrame } from "../decode/decode-frame.js";
import { LinkType } from "../decode/link-type.js";
import { ipv4, ipv6, joinBytes, tcp, udp, word16 } from "../decode/testing/frame-builder.js";
import { FlowNotes } from "./flow-notes.js";
import { NotesCounters } from "./notes-counters.js";
import { notesDefaults } from "./notes-settings.js";
import { NoteSink } from "./testing/capture-notes.js";
import { clientHello, serverNameExtension, tlsExtension } from "./testing/client-hello.js";
import { textBytes } from "./testing/decoded.js";

const seed = Number(process.env["PICKET_SEED"] ?? 20_260_101);
const framesMax = Number(process.env["PICKET_FRAMES"] ?? 100_000);
const slots = 64;

/** Whole numbers below `bound`, the same for one seed (mulberry32). */
function randomOf(start: number): (bound: number) => number {
  let state = start;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

const question = joinBytes(
  [0, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3],
  textBytes("www"),
  [7],
  textBytes("example"),
  [0, 0, 1, 0, 1],
);
const payloads = [
  clientHello(),
  clientHello({ extensions: [tlsExtension(10, [0, 2, 0, 29]), serverNameExtension("a.example")], suites: 3 }),
  clientHello({ handshakeType: 2 }),
  question,
  joinBytes(word16(question.length), question),
  textBytes('{"id":1,"method":"mining.notify","params":[]}\n'),
  textBytes('{"method":"login","params":{"login":"a","pass":"x"}}\n'),
  textBytes("OPTIONS * HTTP/1.1\r\n\r\n"),
  textBytes("SSH-2.0-x\r\n"),
  new Uint8Array(0),
];
const options = [2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7];

/** A frame that one of the readers takes an interest in, a few bytes of it replaced. */
function mutatedFrame(random: (bound: number) => number): Uint8Array {
  const payload = payloads[random(payloads.length)];
  const isTcp = random(2) === 0;
  const transport = isTcp ? tcp({ flags: random(64), options, payload }) : udp(random(65_536), 53, payload);
  const protocol = isTcp ? 6 : 17;
  const frame = random(2) === 0 ? ipv4({ protocol }, transport) : ipv6({ nextHeader: protocol }, transport);
  for (let count = random(6); count > 0; count--) frame[random(frame.length)] = random(256);
  return frame;
}

describe("hostile bytes", () => {
  it(`lead to no throw and no odd name (seed ${seed}, ${framesMax} frames)`, () => {
    const random = randomOf(seed);
    const counters = new NotesCounters();
    const notes = new FlowNotes({ ...notesDefaults, namesPerSecond: 1e6 }, slots, counters);
    const sink = new NoteSink();
    const packet = new DecodedPacket();
    const seen = new Set<string>();
    const oddNames: string[] = [];
    // Memory that goes on behind the frame, as a block's does, with tempting bytes.
    const block = new Uint8Array(2048).fill(0x22);
    const view = new DataView(block.buffer);
    let metered = 0;
    for (let count = 0; count < framesMax; count++) {
      const frame = mutatedFrame(random);
      block.set(frame, 7);
      const captured = random(4) === 0 ? random(frame.length + 1) : frame.length;
      if (decodeFrame(block, view, 7, captured, LinkType.raw, packet) !== DecodeResult.flow) continue;
      metered++;
      const slot = random(slots);
      if (random(3) === 0) notes.open(slot, packet, block);
      if (notes.wantsPayload(slot) && packet.payloadLength > 0)
        notes.payload(slot, random(2) === 0, packet, block, count * 50);
      const note = sink.noteOf(notes, slot);
      if (!/^[!-@[-~]{0,253}$/.test(note.name)) oddNames.push(note.name);
      seen.add(note.application);
      if (random(9) === 0) notes.close(slot);
    }
    expect(oddNames).toEqual([]);
    expect(metered).toBeGreaterThan(framesMax / 2);
    expect([...seen].toSorted()).toEqual(["dns", "http", "other", "ssh", "stratum", "tls", "unknown"]);
    expect(counters.dnsNames).toBeGreaterThan(0);
    expect(counters.tlsNames).toBeGreaterThan(0);
    expect(counters.namesTruncated).toBeGreaterThan(0);
    expect(counters.namesRefused).toBeGreaterThan(0);
  });

  it(`are read within their frame only (seed ${seed})`, () => {
    const random = randomOf(seed + 2);
    const notes = new FlowNotes(notesDefaults, slots, new NotesCounters());
    const packet = new DecodedPacket();
    const block = new Uint8Array(2048).fill(0x22);
    const view = new DataView(block.buffer);
    const outside: number[] = [];
    let end = 0;
    const watched = new Proxy(block, {
      get: (target, key) => {
        const at = Number(String(key));
        if (at < 7 || at >= end) outside.push(at);
        return Reflect.get(target, key) as unknown;
      },
    });
    for (let count = 0; count < 5000; count++) {
      const frame = mutatedFrame(random);
      block.set(frame, 7);
      end = 7 + random(frame.length + 1);
      if (decodeFrame(block, view, 7, end - 7, LinkType.raw, packet) !== DecodeResult.flow) continue;
      notes.open(0, packet, watched);
      if (packet.payloadLength > 0) notes.payload(0, true, packet, watched, count);
    }
    expect(outside).toEqual([]);
  });

  it("that are random lead to no throw and to almost no application", () => {
    const random = randomOf(seed + 1);
    const counters = new NotesCounters();
    const notes = new FlowNotes(notesDefaults, slots, counters);
    const sink = new NoteSink();
    const packet = new DecodedPacket();
    let named = 0;
    for (let count = 0; count < framesMax / 2; count++) {
      const payload = Uint8Array.from({ length: random(120) }, () => random(256));
      const isTcp = random(2) === 0;
      const transport = isTcp ? tcp({ flags: 2, payload }) : udp(1, 2, payload);
      const frame = ipv4({ protocol: isTcp ? 6 : 17 }, transport);
      decodeFrame(frame, new DataView(frame.buffer), 0, frame.length, LinkType.raw, packet);
      notes.open(0, packet, frame);
      if (payload.length > 0) notes.payload(0, true, packet, frame, count);
      if (!["other", "unknown"].includes(sink.noteOf(notes, 0).application)) named++;
    }
    expect(named).toBeLessThanOrEqual(2);
  });

  it("lead to no throw where the memory of the frame is missing", () => {
    const notes = new FlowNotes(notesDefaults, slots, new NotesCounters());
    const packet = new DecodedPacket();
    const frame = ipv4({}, tcp({ flags: 2, options, payload: clientHello() }));
    decodeFrame(frame, new DataView(frame.buffer), 0, frame.length, LinkType.raw, packet);
    notes.open(1, packet, new Uint8Array(0));
    notes.payload(1, true, packet, new Uint8Array(0), 0);
    expect(new NoteSink().noteOf(notes, 1)).toEqual({ application: "other", name: "", fingerprint: "" });
  });
});
