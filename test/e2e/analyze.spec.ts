import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { DemoPacket } from "@picket/deploy/local/demo-traffic.js";
import { demoAttack, demoHostCount, demoOrdinary } from "@picket/deploy/local/demo-traffic.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { PcapWriter } from "../scenarios/pcap-writer.js";
import { isBuilt, PicketProcess, runPicket } from "./picket-process.js";

const startUs = Date.UTC(2026, 0, 5, 12, 0, 0) * 1000;

interface ShownIncident {
  readonly kind: string;
  readonly severity: string;
  readonly sources: readonly string[];
  readonly targets: readonly string[];
  readonly evidence: readonly { readonly sensor: string }[];
}

function writeCapture(path: string, packets: readonly DemoPacket[]): void {
  const writer = new PcapWriter(path);
  const inOrder = [...packets].sort((a, b) => a.offsetUs - b.offsetUs);
  for (const { offsetUs, frame } of inOrder) {
    const at = writer.frame(startUs + offsetUs, frame.length);
    writer.bytes.set(frame, at);
  }
  writer.close();
}

describe.runIf(isBuilt)("picket analyze", () => {
  const folder = mkdtempSync(join(tmpdir(), "picket-analyze-"));
  const hosts = Array.from({ length: demoHostCount }, (_, host) => join(folder, `host-${host + 1}.pcap`));

  beforeAll(() => {
    const attack = demoAttack(3);
    const ordinary = demoOrdinary(3, 0);
    hosts.forEach((path, host) => {
      writeCapture(
        path,
        [...attack, ...ordinary].filter((packet) => packet.host === host),
      );
    });
    writeCapture(join(folder, "ordinary.pcap"), ordinary);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const incidentsOf = async (args: readonly string[]): Promise<ShownIncident[]> => {
    const { code, stdout } = await runPicket(["analyze", "--json", ...args]);
    expect(code).toBe(0);
    const lines = stdout.split("\n").filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line) as ShownIncident);
  };

  it("finds one incident over eight files, with every source and sensor", async () => {
    const incidents = await incidentsOf(hosts);
    expect(incidents).toHaveLength(1);
    expect(incidents[0].kind).toBe("INCIDENT_KIND_DISTRIBUTED_SCAN");
    expect(incidents[0].sources).toHaveLength(10);
    expect(incidents[0].targets).toHaveLength(8);
    expect(incidents[0].evidence.map((each) => each.sensor).sort()).toEqual(
      hosts.map((_, host) => `host-${host + 1}`),
    );
  });

  it("finds nothing in any one of them, nor in ordinary traffic", async () => {
    for (const path of [hosts[0], hosts[7], join(folder, "ordinary.pcap")]) {
      expect(await incidentsOf([path])).toEqual([]);
    }
  });

  it("gives the same incidents whatever the order of the files", async () => {
    expect(await incidentsOf([...hosts].reverse())).toEqual(await incidentsOf(hosts));
  });

  it("exits 1 when an incident is as severe as --fail-on", async () => {
    expect((await runPicket(["analyze", "--fail-on", "low", ...hosts])).code).toBe(1);
    expect((await runPicket(["analyze", "--fail-on", "critical", ...hosts])).code).toBe(0);
  });

  it("prints the counters of --meter-only and the records of --flows", async () => {
    const metered = await runPicket(["analyze", "--meter-only", "--json", hosts[0]]);
    const packets = [...demoAttack(3), ...demoOrdinary(3, 0)].filter((packet) => packet.host === 0).length;
    expect(
      (JSON.parse(metered.stdout) as { counters: Record<string, number> }).counters["packets_received"],
    ).toBe(packets);
    const flows = (await runPicket(["analyze", "--flows", "--json", hosts[0]])).stdout.trim().split("\n");
    const outcomes = flows.map((line) => (JSON.parse(line) as { outcome: string }).outcome);
    expect(outcomes.filter((outcome) => outcome === "refused")).toHaveLength(3);
    expect(outcomes.filter((outcome) => outcome === "answered")).toHaveLength(8);
  });

  it("ends without a complaint when its reader goes away", async () => {
    const analyze = new PicketProcess(["analyze", "--flows", ...hosts]);
    analyze.closeOutput();
    const { code, stderr } = await analyze.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });
});
