import type { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { PacketBlock } from "./capture/packet-source.js";
import { LinkType } from "./decode/link-type.js";
import {
  arp,
  EtherType,
  ethernet,
  gre,
  ipv4,
  joinBytes,
  tcp,
  udp,
  word32,
} from "./decode/testing/frame-builder.js";
import { SensorPipeline } from "./pipeline.js";

const startUs = 1_700_000_000_000_000;
const vxlanPort = 4789;

/** Meters frames, 1 ms apart, and lists the flows: protocol, destination port, packets both ways, bytes. */
function meter(frames: readonly Uint8Array[]): { flows: string[]; counters: Record<string, number> } {
  const flows: string[] = [];
  const pipeline = new SensorPipeline({}, (columns: FlowColumns) => {
    for (let row = 0; row < columns.length; row++) {
      const packets = `${columns.forwardPackets[row]}/${columns.reversePackets[row]}`;
      const bytes = columns.forwardBytes[row] + columns.reverseBytes[row];
      const outcome = columns.outcome[row];
      flows.push(
        `${columns.protocol[row]} ${columns.destinationPort[row]} ${packets} ${bytes} outcome ${outcome}`,
      );
    }
  });
  const block = new PacketBlock(frames.length);
  block.bytes = joinBytes(...frames);
  block.view = new DataView(block.bytes.buffer);
  block.count = frames.length;
  let position = 0;
  for (const [index, frame] of frames.entries()) {
    block.offset[index] = position;
    block.capturedLength[index] = frame.length;
    block.wireLength[index] = frame.length;
    block.linkType[index] = LinkType.ethernet;
    block.timeUs[index] = startUs + index * 1000;
    position += frame.length;
  }
  pipeline.onBlock(block);
  pipeline.finish();
  return { flows, counters: pipeline.counters };
}

const client = { source: "192.0.2.1", destination: "192.0.2.2" };
const server = { source: "192.0.2.2", destination: "192.0.2.1" };
const request = ethernet(EtherType.ipv4, ipv4({ ...client, protocol: 17 }, udp(40_000, 9000, [1, 2])));
const answer = ethernet(EtherType.ipv4, ipv4({ ...server, protocol: 17 }, udp(9000, 40_000, [3, 4])));

/** A datagram between two tunnel ends that both use the port of VXLAN. */
function outer(isAnswer: boolean, payload: Uint8Array): Uint8Array {
  const way = isAnswer
    ? { source: "10.0.0.2", destination: "10.0.0.1" }
    : { source: "10.0.0.1", destination: "10.0.0.2" };
  return ethernet(EtherType.ipv4, ipv4({ ...way, protocol: 17 }, udp(vxlanPort, vxlanPort, payload)));
}

function inVxlan(isAnswer: boolean, frame: Uint8Array): Uint8Array {
  return outer(isAnswer, joinBytes(word32(0x0800_0000), [0, 0, 7, 0], frame));
}

describe("packets in a tunnel", () => {
  it("make the flow they are, and none of the tunnel's own", () => {
    const { flows, counters } = meter(
      [false, true, false, true].map((isAnswer) => inVxlan(isAnswer, isAnswer ? answer : request)),
    );
    expect(flows).toEqual(["17 9000 2/2 120 outcome 5"]);
    expect(counters).toMatchObject({ tunnels_vxlan: 4, metering_flows_opened: 1, packets_flow: 4 });
  });

  it("are found among packets of a flow with the same addresses and ports", () => {
    const [ping, pong] = [outer(false, Uint8Array.of(1)), outer(true, Uint8Array.of(2))];
    const plain = [ping, pong, ping, pong, ping, pong];
    const { flows } = meter([...plain, inVxlan(false, request), inVxlan(true, answer), ...plain]);
    expect(flows.toSorted()).toEqual(["17 4789 6/6 348 outcome 5", "17 9000 1/1 60 outcome 5"]);
  });

  it("that cannot be read are packets of the tunnel, whose silence is no failed contact", () => {
    const mac = [2, 0, 0, 0, 0, 1];
    const question = ethernet(EtherType.arp, arp(1, mac, "10.0.0.1", mac, "10.0.0.2"));
    const { flows, counters } = meter([
      inVxlan(false, question),
      ethernet(EtherType.ipv4, ipv4({ protocol: 47 }, gre(0x1234, [0, 0]))),
      ethernet(EtherType.ipv4, ipv4({ protocol: 17 }, udp(40_000, vxlanPort, [1, 2, 3]))),
    ]);
    expect(flows.toSorted()).toEqual([
      "17 4789 1/0 31 outcome 1",
      "17 4789 1/0 78 outcome 0",
      "47 0 1/0 26 outcome 0",
    ]);
    expect(counters).toMatchObject({ tunnel_faults_undecoded: 2, packets_arp: 0 });
  });
});

it("fragments that overlap are counted, wherever they are", () => {
  const part = (fragmentOffset: number, moreFragments: boolean): Uint8Array =>
    ethernet(EtherType.ipv4, ipv4({ id: 1, fragmentOffset, moreFragments }, tcp({ payload: [1, 2, 3, 4] })));
  const inside = (fragmentOffset: number): Uint8Array =>
    ethernet(EtherType.ipv4, ipv4({ protocol: 4 }, ipv4({ id: 2, fragmentOffset }, new Uint8Array(24))));
  const { counters } = meter([part(0, true), part(2, false), inside(2), inside(4)]);
  expect(counters).toMatchObject({ packets_later_fragment: 3, fragments_overlapping: 2 });
});
