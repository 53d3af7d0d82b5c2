import { ArpOperation } from "@picket/proto/batch/flow-columns.js";
import { asked, told, type RunArp } from "@picket/correlator/detectors/testing/arp-run.js";
import { expect, it } from "vitest";
import { scenarioStartMs } from "../engine/flow-scenario.js";
import { arpBatches, incidentsOfBatches } from "./arp-batches.js";

const gateway = { mac: "00:1b:21:0a:00:01", address: "10.9.0.1" };
const victim = { mac: "00:1b:21:0b:00:09", address: "10.9.0.9" };
const attacker = { mac: "00:25:b3:bf:91:ee", address: "10.9.0.66" };
const backup = { mac: "00:0c:29:0a:00:02", address: "10.9.0.2" };
const at = (second: number): number => scenarioStartMs + second * 1000;

/** The gateway and its hosts go on as always; everybody hears the gateway's questions. */
const usual: RunArp[] = Array.from({ length: 20 }, (_, index) =>
  asked(gateway.mac, gateway.address, `10.9.0.${10 + index}`, at(index * 10)),
);

it("finds who sits between gateway and host, told by the host's sensor and the others'", async () => {
  const lies = Array.from({ length: 15 }, (_, index) => [
    told(attacker.mac, gateway.address, victim.address, at(60 + index * 2)),
    told(attacker.mac, victim.address, gateway.address, at(60 + index * 2)),
  ]).flat();
  // The lies are directed: only the first sensor, at the victim, hears them.
  const records = [...usual, ...lies, asked(attacker.mac, attacker.address, gateway.address, at(50))];
  const batches = arpBatches(
    records,
    3,
    (index, sensor) => sensor === 0 || index < usual.length || index === records.length - 1,
  );
  const incidents = await incidentsOfBatches(batches);
  expect(incidents).toHaveLength(1);
  expect(incidents[0]).toMatchObject({
    kind: "arp_spoof",
    severity: "high",
    technique: "T1557.002",
    sources: [attacker.mac],
    targets: [gateway.address, victim.address],
  });
  expect(incidents[0].confidence).toBeGreaterThan(0.8);
});

it("stays silent when a second router takes the address over and gives it back", async () => {
  const announced = (mac: string, second: number): RunArp => ({
    operation: ArpOperation.announcement,
    mac,
    sender: gateway.address,
    target: gateway.address,
    timeMs: at(second),
  });
  const failover = [
    announced(gateway.mac, 0),
    announced(backup.mac, 70),
    asked(backup.mac, gateway.address, victim.address, at(75)),
    asked(backup.mac, backup.address, gateway.address, at(20)),
    announced(gateway.mac, 120),
  ];
  expect(await incidentsOfBatches(arpBatches([...usual, ...failover], 3, () => true))).toEqual([]);
});
