import { told, asked, type RunArp } from "@picket/correlator/detectors/testing/arp-run.js";
import { scenarioStartMs } from "../engine/flow-scenario.js";

const gateway = { mac: "00:1b:21:0a:00:01", address: "10.9.0.1" };
const attacker = "00:16:3e:5a:00:77";
const victims = [0, 1, 2].map((number) => `10.9.0.${20 + number}`);
const lieEveryMs = 2000;

/** A host that tells three others that it is their gateway, and the gateway that it is each of them. */
export function arpSpoofRecords(): {
  readonly records: readonly RunArp[];
  readonly isHeardBy: (index: number, sensor: number) => boolean;
} {
  const usual = Array.from({ length: 60 }, (_, index) =>
    asked(gateway.mac, gateway.address, `10.9.0.${20 + (index % 30)}`, scenarioStartMs + index * 5000),
  );
  const lies = Array.from({ length: 20 }, (_, round) =>
    victims.flatMap((victim) => {
      const timeMs = scenarioStartMs + 60_000 + round * lieEveryMs;
      return [
        told(attacker, gateway.address, victim, timeMs),
        told(attacker, victim, gateway.address, timeMs),
      ];
    }),
  ).flat();
  // Questions go to everybody; each lie goes to one host, and only its sensor hears it.
  const isHeardBy = (index: number, sensor: number): boolean =>
    index < usual.length || Math.floor((index - usual.length) / 2) % victims.length === sensor;
  return { records: [...usual, ...lies], isHeardBy };
}
