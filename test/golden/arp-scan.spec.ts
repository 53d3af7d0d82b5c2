import type { RunArp } from "@picket/correlator/detectors/testing/arp-run.js";
import { expect, it } from "vitest";
import { scenarioStartMs } from "../engine/flow-scenario.js";
import { arpBatches, incidentsOfBatches } from "./arp-batches.js";

/** One host asks for all of its network, which three sensors hear; the hosts that are there answer. */
function sweep(hosts: number, isAnswered: (host: number) => boolean): RunArp[] {
  return Array.from({ length: hosts }, (_, index) => ({
    mac: "02:00:00:00:00:42",
    sender: "10.9.0.66",
    target: `10.9.0.${1 + index}`,
    timeMs: scenarioStartMs + 60_000 + index * 50,
    durationMs: isAnswered(index) ? 1 : 1000,
    packets: isAnswered(index) ? 1 : 2,
    isAnswered: isAnswered(index),
  }));
}

it("finds one host that asks for a whole network, heard by three sensors", async () => {
  const batches = arpBatches(
    sweep(254, (host) => host % 10 === 0),
    3,
    () => true,
  );
  const incidents = await incidentsOfBatches(batches);
  expect(incidents).toHaveLength(1);
  expect(incidents[0]).toMatchObject({
    kind: "arp_scan",
    severity: "high",
    technique: "T1018",
    sources: ["10.9.0.66"],
    targetCount: 228,
    summary: "10.9.0.66 asks by ARP for 228 hosts (228 silent addresses, seen by 3 sensors)",
  });
});

it("stays silent on a host that talks to all of its network", async () => {
  expect(
    await incidentsOfBatches(
      arpBatches(
        sweep(200, () => true),
        3,
        () => true,
      ),
    ),
  ).toEqual([]);
});
