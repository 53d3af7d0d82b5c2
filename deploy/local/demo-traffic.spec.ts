import { decodeFrame } from "@picket/sensor/decode/decode-frame.js";
import { DecodedPacket, DecodeResult } from "@picket/sensor/decode/decoded-packet.js";
import { describe, expect, it } from "vitest";

import type { DemoPacket } from "./demo-traffic.js";
import { demoAttack, demoHostCount, demoOrdinary, demoPorts, demoSourceCount } from "./demo-traffic.js";

interface Probe {
  readonly host: number;
  readonly source: number;
  readonly port: number;
}

function probesOf(packets: readonly DemoPacket[]): Probe[] {
  const probes: Probe[] = [];
  const packet = new DecodedPacket();
  for (const { frame, host } of packets) {
    const view = new DataView(frame.buffer);
    expect(decodeFrame(frame, view, 0, frame.length, 1, packet)).toBe(DecodeResult.flow);
    if (packet.tcpFlags === 2) probes.push({ host, source: packet.source3, port: packet.destinationPort });
  }
  return probes;
}

describe("the demo's attack", () => {
  const probes = probesOf(demoAttack(7));

  it("sweeps three ports of eight hosts once, from ten sources", () => {
    expect(probes).toHaveLength(demoHostCount * demoPorts.length);
    expect(new Set(probes.map((probe) => `${probe.host}/${probe.port}`)).size).toBe(probes.length);
    expect(new Set(probes.map((probe) => probe.source)).size).toBe(demoSourceCount);
  });

  it("stays below every limit of one host and one source", () => {
    for (let host = 0; host < demoHostCount; host++) {
      expect(
        new Set(probes.filter((probe) => probe.host === host).map((probe) => probe.source)).size,
      ).toBeLessThanOrEqual(3);
    }
    for (const { source } of probes) {
      expect(probes.filter((probe) => probe.source === source).length).toBeLessThanOrEqual(6);
    }
  });

  it("is the same for the same seed, packet by packet, and another for another", () => {
    expect(demoAttack(7)).toEqual(demoAttack(7));
    expect(demoAttack(8)).not.toEqual(demoAttack(7));
  });
});

describe("the demo's ordinary traffic", () => {
  it("decodes, keeps its order and differs from round to round", () => {
    const packets = demoOrdinary(7, 1);
    expect(probesOf(packets)).toHaveLength(demoHostCount * 4);
    expect(packets.every((packet, i) => i === 0 || packet.offsetUs >= packets[i - 1].offsetUs)).toBe(true);
    expect(demoOrdinary(7, 2)).not.toEqual(packets);
  });
});
