import { Outcome, RecordKind } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { ipv4, joinBytes, sctp, tcp, udp, word16 } from "../decode/testing/frame-builder.js";
import { FlowNotes } from "./flow-notes.js";
import { NotesCounters } from "./notes-counters.js";
import { type NotesSettings, notesDefaults } from "./notes-settings.js";
import { type FlowNote, NoteSink } from "./testing/capture-notes.js";
import { clientHello, serverNameExtension } from "./testing/client-hello.js";
import { decodeIp, textBytes } from "./testing/decoded.js";

const startUs = 1_700_000_000_000_000;
const binary = new Uint8Array(100).fill(0xfe);
const serverHello = clientHello({ handshakeType: 2, extensions: [] });
const mining = textBytes('{"id":null,"method":"mining.notify","params":[]}\n');

/** Plays packets to the flow in one slot among others. */
class Play {
  readonly counters = new NotesCounters();
  readonly sink = new NoteSink();
  readonly notes: FlowNotes;
  timeUs = startUs;

  constructor(settings: Partial<NotesSettings> = {}) {
    this.notes = new FlowNotes({ ...notesDefaults, ...settings }, 16, this.counters);
  }

  open(transport: Uint8Array, protocol = 6, slot = 3): this {
    const { packet, bytes } = decodeIp(ipv4({ protocol }, transport));
    this.notes.open(slot, packet, bytes);
    if (packet.payloadLength > 0) this.notes.payload(slot, true, packet, bytes, this.timeUs);
    return this;
  }

  openTcp(slot = 3): this {
    return this.open(tcp({ flags: 2, window: 1024, sequence: 5 }), 6, slot);
  }

  send(fromInitiator: boolean, payload: ArrayLike<number>, snapLength?: number, slot = 3): this {
    const { packet, bytes } = decodeIp(ipv4({ protocol: 6 }, tcp({ payload })), snapLength);
    this.notes.payload(slot, fromInitiator, packet, bytes, this.timeUs);
    return this;
  }

  note(slot = 3): FlowNote {
    return this.sink.noteOf(this.notes, slot);
  }

  get isWanted(): boolean {
    return this.notes.wantsPayload(3);
  }
}

function question(name: string): Uint8Array {
  const labels = name.split(".").flatMap((label) => [label.length, ...textBytes(label)]);
  return joinBytes([0, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], labels, [0, 0, 1, 0, 1]);
}

describe("application of a flow", () => {
  it("is unknown without payload and for protocols without one", () => {
    expect(new Play().openTcp().note().application).toBe("unknown");
    const play = new Play().open(sctp(1, 2, [1, 2, 3, 4]), 132);
    expect([play.note().application, play.isWanted]).toEqual(["unknown", false]);
  });

  it.each([
    { name: "http", payload: textBytes("GET / HTTP/1.1\r\n") },
    { name: "ssh", payload: textBytes("SSH-2.0-x\r\n") },
    { name: "tls", payload: clientHello() },
    { name: "stratum", payload: mining },
    { name: "dns", payload: joinBytes(word16(29), question("example.com")) },
  ])("is $name by the first words of either side, whatever the port", ({ name, payload }) => {
    for (const fromInitiator of [true, false]) {
      const play = new Play().openTcp().send(fromInitiator, payload);
      expect([play.note().application, play.isWanted]).toEqual([name, false]);
    }
  });

  it("of datagrams is that of the first", () => {
    const dns = new Play().open(udp(5000, 5001, question("a.example")), 17);
    expect([dns.note(), dns.isWanted]).toEqual([
      { application: "dns", name: "a.example", fingerprint: "" },
      false,
    ]);
    const other = new Play().open(udp(5000, 53, binary), 17);
    expect([other.note().application, other.isWanted]).toEqual(["other", false]);
  });

  it("is looked for each way until there is binary", () => {
    const play = new Play().openTcp().send(true, binary);
    expect([play.note().application, play.isWanted]).toEqual(["other", true]);
    expect(play.send(false, binary).isWanted).toBe(false);
  });

  it("of a miner is told though text came before", () => {
    const play = new Play().openTcp().send(true, textBytes('{"id":4,"result":true}\n')).send(false, mining);
    expect(play.note().application).toBe("stratum");
  });

  it("is looked for in as many bytes as the settings say", () => {
    const text = textBytes("hello, world\n".repeat(80));
    const play = new Play().openTcp().send(true, text);
    expect(play.send(true, text).send(true, mining).note().application).toBe("other");
    expect(play.isWanted).toBe(true);
  });

  it("is looked for in as many packets as the settings say, also when one side is silent", () => {
    const play = new Play({ payloadPacketsMax: 4 }).openTcp();
    for (let i = 0; i < 8; i++) play.send(true, textBytes("text\n"));
    expect(play.isWanted).toBe(true);
    expect(play.send(true, textBytes("text\n")).isWanted).toBe(false);
  });

  it("stays open for a single byte, as keep-alives have it", () => {
    expect(new Play().openTcp().send(true, [0]).send(false, [0]).isWanted).toBe(true);
  });

  it("stays open for the client's hello when the server's comes first", () => {
    const play = new Play().openTcp().send(false, serverHello);
    expect([play.note().application, play.isWanted]).toEqual(["tls", true]);
    expect(play.send(true, clientHello()).note()).toMatchObject({
      application: "tls",
      name: "www.example.com",
    });
    expect(play.isWanted).toBe(false);
  });
});

describe("host name of a flow", () => {
  it("goes with one record only", () => {
    const play = new Play().openTcp().send(true, clientHello());
    expect([play.note().name, play.note().name]).toEqual(["www.example.com", ""]);
    expect(play.counters).toMatchObject({ tlsNames: 1, notesWithoutRoom: 0 });
  });

  it("is counted when the snap length cut it off", () => {
    const play = new Play().openTcp().send(true, clientHello(), 128);
    expect(play.note()).toMatchObject({ application: "tls", name: "" });
    expect(play.counters).toMatchObject({ tlsNames: 0, namesTruncated: 1 });
  });

  it("is counted when it is none", () => {
    const play = new Play()
      .openTcp()
      .send(true, clientHello({ extensions: [serverNameExtension("a\u001b.b")] }));
    expect([play.note().name, play.counters.namesRefused]).toEqual(["", 1]);
  });

  it("is left out, and the application is not, when names are off", () => {
    const play = new Play({ names: false }).openTcp().send(true, clientHello());
    expect(play.note()).toMatchObject({ application: "tls", name: "" });
    const dns = new Play({ names: false }).open(udp(1, 2, question("a.example")), 17);
    expect(dns.note()).toMatchObject({ application: "dns", name: "" });
    expect(dns.counters.dnsNames).toBe(0);
  });

  it("is refused above the rate and counted", () => {
    const play = new Play({ namesPerSecond: 2 });
    const names = [1, 2, 3].map(
      (slot) => play.open(udp(1, 2, question("a.example")), 17, slot).note(slot).name,
    );
    expect([names, play.counters.namesAboveRate]).toEqual([["a.example", "a.example", ""], 1]);
  });

  it("is lost to later ones, and counted, when its flow is reported too late", () => {
    const play = new Play({ nameBytesPerSecond: 9 }).open(udp(1, 2, question("a.example")), 17, 1);
    for (let i = 0; i < 40; i++) {
      play.timeUs += 1_000_000;
      play.open(udp(1, 2, question("b.example")), 17, 2);
    }
    expect([play.note(1).name, play.note(2).name, play.counters.namesDisplaced]).toEqual([
      "",
      "b.example",
      1,
    ]);
  });

  it("does not survive its slot", () => {
    const play = new Play().openTcp().send(true, clientHello());
    play.notes.close(3);
    expect(play.notes.wantsPayload(3)).toBe(false);
    expect(play.openTcp().note()).toMatchObject({ application: "unknown", name: "" });
  });
});

describe("fingerprint of a flow", () => {
  const written = (play: Play, kind: RecordKind, outcome: Outcome): boolean => {
    const { sink } = play;
    const row = sink.append(0, 0, 0xffff, 1, 0, 0, 0xffff, 2);
    sink.columns.recordKind[row] = kind;
    sink.columns.outcome[row] = outcome;
    play.notes.write(3, sink, row);
    return sink.columns.fingerprint[row] !== 0;
  };

  it("goes with the first record of a contact that failed", () => {
    const play = new Play().openTcp();
    expect(written(play, RecordKind.only, Outcome.refused)).toBe(true);
    expect(written(play, RecordKind.first, Outcome.unknown)).toBe(true);
    expect(written(play, RecordKind.only, Outcome.answered)).toBe(false);
    expect(written(play, RecordKind.last, Outcome.ignored)).toBe(false);
    expect(written(play, RecordKind.delta, Outcome.refused)).toBe(false);
  });

  it("goes with an answered one too when it has a scanner's mark", () => {
    const play = new Play().open(tcp({ flags: 2, sequence: 0x0a00_0002 }));
    expect(written(play, RecordKind.only, Outcome.answered)).toBe(true);
    expect(play.counters).toMatchObject({ synFingerprints: 1, probeMarks: 1 });
  });

  it("is none where the first packet is no SYN of an initiator", () => {
    for (const flags of [0x12, 0x10, 0x01, 0x00])
      expect(new Play().open(tcp({ flags })).note().fingerprint).toBe("");
  });
});
