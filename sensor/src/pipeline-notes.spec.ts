import { Application, HostDirection, Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { PacketBlock } from "./capture/packet-source.js";
import { ethernet, EtherType, ipv4, tcp, udp } from "./decode/testing/frame-builder.js";
import { ListeningPorts } from "./metering/listening-ports.js";
import { SensorPipeline } from "./pipeline.js";

const startUs = 1_700_000_000_000_000;
const [syn, rstAck, synAck, pshAck, ack] = [0x02, 0x14, 0x12, 0x18, 0x10];
const host = "192.168.0.1";
const hostWords = Uint32Array.of(0, 0, 0xffff, 0xc0a8_0001);
const stranger = "203.0.113.9";

/** What tests read of a record. */
interface Row {
  readonly direction: number;
  readonly closedPort: number;
  readonly application: number;
  readonly outcome: number;
  readonly name: string;
  readonly hasFingerprint: boolean;
}

/** A pipeline that is given frames one by one, and its records. */
class Frames {
  readonly rows: Row[] = [];
  readonly pipeline = new SensorPipeline({}, (columns) => {
    for (let i = 0; i < columns.length; i++) {
      const name = columns.name[i];
      const from = name > 1 ? columns.nameEnds[name - 2] : 0;
      this.rows.push({
        direction: columns.direction[i],
        closedPort: columns.closedPort[i],
        application: columns.application[i],
        outcome: columns.outcome[i],
        name:
          name === 0
            ? ""
            : Buffer.from(columns.nameBytes.subarray(from, columns.nameEnds[name - 1])).toString(),
        hasFingerprint: columns.fingerprint[i] !== 0,
      });
    }
  });

  send(atMs: number, frame: Uint8Array): this {
    const block = new PacketBlock(1);
    block.bytes = frame;
    block.view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    block.count = 1;
    block.capturedLength[0] = frame.length;
    block.wireLength[0] = frame.length;
    block.linkType[0] = 1;
    block.timeUs[0] = startUs + atMs * 1000;
    this.pipeline.onBlock(block);
    return this;
  }

  finish(): readonly Row[] {
    this.pipeline.finish();
    return this.rows;
  }
}

function frameOf(source: string, destination: string, protocol: number, payload: Uint8Array): Uint8Array {
  return ethernet(EtherType.ipv4, ipv4({ source, destination, protocol }, payload));
}

/** A segment from the stranger's port 40000 to a port of the host, or back. */
function segment(isBack: boolean, port: number, flags: number, payload: string = ""): Uint8Array {
  const [sourcePort, destinationPort] = isBack ? [port, 40_000] : [40_000, port];
  const segmentBytes = tcp({
    sourcePort,
    destinationPort,
    flags,
    sequence: isBack ? 500 : 100,
    acknowledgement: isBack ? 101 : 501,
    payload: Buffer.from(payload),
  });
  return isBack ? frameOf(host, stranger, 6, segmentBytes) : frameOf(stranger, host, 6, segmentBytes);
}

const question = Buffer.from(
  "\x07\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x03org\x00\x00\x01\x00\x01",
  "latin1",
);

describe("what the host knows", () => {
  it("is in the records: direction, and a closed port that refuses", () => {
    const frames = new Frames();
    frames.pipeline.host.setAddresses(hostWords);
    const ports = new ListeningPorts();
    ports.observedUs = startUs;
    ports.add(6, 22, 0, 0, 0xffff, 0);
    frames.pipeline.host.setListening(ports);
    for (const port of [23, 22])
      frames.send(1, segment(false, port, syn)).send(2, segment(true, port, rstAck));
    frames.send(3, frameOf(host, stranger, 17, udp(5000, 53, question)));
    frames.send(9000, frameOf("10.0.0.1", stranger, 17, udp(5000, 53, question)));
    expect(frames.finish()).toMatchObject([
      { outcome: Outcome.refused, direction: HostDirection.inbound, closedPort: 1 },
      { outcome: Outcome.refused, direction: HostDirection.inbound, closedPort: 0 },
      { direction: HostDirection.outbound, closedPort: 0 },
      { direction: HostDirection.transit, closedPort: 0 },
    ]);
  });

  it("may be told while flows are live", () => {
    const frames = new Frames();
    frames.send(0, segment(false, 80, syn));
    frames.pipeline.host.setAddresses(hostWords);
    frames.send(1, segment(false, 81, syn));
    expect(frames.finish().map(({ direction }) => direction)).toEqual([
      HostDirection.transit,
      HostDirection.inbound,
    ]);
  });
});

describe("what the bytes say", () => {
  it("is in the records: the name asked for, with the first packet of a flow", () => {
    const rows = new Frames().send(0, frameOf(host, stranger, 17, udp(5000, 53, question))).finish();
    expect(rows).toMatchObject([{ application: Application.dns, name: "www.example.org" }]);
  });

  it("is looked for behind the handshake, then packets are counted without a look", () => {
    const frames = new Frames()
      .send(0, segment(false, 80, syn))
      .send(1, segment(true, 80, synAck))
      .send(2, segment(false, 80, ack))
      .send(3, segment(false, 80, pshAck, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
      .send(4, segment(true, 80, pshAck, "HTTP/1.1 200 OK\r\n\r\n"));
    for (let i = 0; i < 50; i++) frames.send(5 + i, segment(false, 80, pshAck, "more"));
    expect(frames.finish()).toMatchObject([{ application: Application.http, outcome: Outcome.answered }]);
  });

  it("fingerprints the SYN of a contact that failed", () => {
    const rows = new Frames()
      .send(0, segment(false, 80, syn))
      .send(1, segment(true, 80, rstAck))
      .finish();
    expect(rows).toMatchObject([{ hasFingerprint: true }]);
  });
});

describe("ARP", () => {
  it("reaches its own records and moves time alone", () => {
    const arp = new Uint8Array(42).fill(0xff, 0, 6);
    const view = new DataView(arp.buffer);
    for (const [at, value] of [
      [6, 0x0200],
      [10, 0x0001],
      [12, 0x0806],
      [14, 1],
      [16, 0x0800],
      [18, 0x0604],
      [20, 1],
      [22, 0x0200],
      [26, 0x0001],
      [28, 0xc0a8],
      [30, 1],
      [38, 0xc0a8],
      [40, 9],
    ])
      view.setUint16(at, value);
    let records = 0;
    const pipeline = new SensorPipeline({}, (columns) => (records += columns.arp.length));
    const block = new PacketBlock(1);
    block.bytes = arp;
    block.view = view;
    block.count = 1;
    block.capturedLength[0] = block.wireLength[0] = 42;
    block.linkType[0] = 1;
    for (const second of [0, 2, 5]) {
      block.timeUs[0] = startUs + second * 1_000_000;
      pipeline.onBlock(block);
    }
    expect(records).toBe(1);
    expect(pipeline.counters).toMatchObject({ packets_arp: 3, arp_requests: 3 });
  });
});
