import { expect, it } from "vitest";
import type { ScenarioFlow } from "../engine/flow-scenario.js";
import { connection, incidentsOverDays } from "./profile-run.js";

const host = "10.9.1.7";
const monitor = "10.9.1.8";
const days = 9;

/** Days on which a host uses two servers, and a monitor polls sixty hosts. */
function usualDays(): ScenarioFlow[] {
  return Array.from({ length: days }, (_, day) => [
    connection(day, 600, host, "10.9.0.1", 443),
    connection(day, 601, host, "10.9.0.2", 445),
    ...peers(60).map((peer, k) => connection(day, k, monitor, peer, 161)),
  ]).flat();
}

function peers(count: number): string[] {
  return Array.from({ length: count }, (_, k) => `10.9.2.${k + 1}`);
}

it("tells of a host that goes from two peers to thirty, all of which answer", async () => {
  const spread = peers(30).map((peer, k) => connection(days - 1, 700 + k, host, peer, 445));
  const incidents = await incidentsOverDays([...usualDays(), ...spread], days);
  expect(
    incidents.map(({ kind, severity, sources, targetCount, ports, technique, confirmation, summary }) => ({
      kind,
      severity,
      sources,
      targetCount,
      ports,
      technique,
      confirmation,
      summary,
    })),
  ).toEqual([
    {
      kind: "fan_out",
      severity: "low",
      sources: [host],
      targetCount: 30,
      ports: ["tcp/445"],
      technique: "",
      confirmation: "confirmed",
      summary: `${host} tried or used many peers: 30 hosts (tcp/445, 30 contacts, seen by 3 sensors)`,
    },
  ]);
});

it("stays silent on its usual days, on one new peer more, and on a monitor", async () => {
  const more = peers(5).map((peer, k) => connection(days - 1, 700 + k, host, peer, 445));
  expect(await incidentsOverDays([...usualDays(), ...more], days)).toEqual([]);
});

it("stays silent on a new laptop, which nothing is known of", async () => {
  const laptop = peers(40).map((peer, k) => connection(days - 1, 700 + k, "10.9.1.99", peer, 445));
  expect(await incidentsOverDays([...usualDays(), ...laptop], days)).toEqual([]);
});
