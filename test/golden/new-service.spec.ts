import { expect, it } from "vitest";
import type { ScenarioFlow } from "../engine/flow-scenario.js";
import { connection, incidentsOverDays } from "./profile-run.js";

const server = "10.9.0.1";
const days = 9;

function clients(count: number): string[] {
  return Array.from({ length: count }, (_, k) => `10.9.3.${k + 1}`);
}

/** Days on which twenty clients use one web server. */
function usualDays(): ScenarioFlow[] {
  return Array.from({ length: days }, (_, day) =>
    clients(20).map((client, k) => connection(day, 600 + k, client, server, 443)),
  ).flat();
}

it("tells of the day on which a known server serves one port more to twelve clients", async () => {
  const proxy = clients(12).map((client, k) => connection(days - 1, 700 + k, client, server, 3128));
  const incidents = await incidentsOverDays([...usualDays(), ...proxy], days);
  expect(
    incidents.map(({ kind, severity, targets, ports, technique, confirmation }) => ({
      kind,
      severity,
      targets,
      ports,
      technique,
      confirmation,
    })),
  ).toEqual([
    {
      kind: "new_service",
      severity: "low",
      targets: [server],
      ports: ["tcp/3128"],
      technique: "",
      confirmation: "confirmed",
    },
  ]);
});

it("tells of it once: the next day it is usual", async () => {
  const proxy = [5, 6, 7, 8].flatMap((day) =>
    clients(12).map((client, k) => connection(day, 700 + k, client, server, 3128)),
  );
  const incidents = await incidentsOverDays([...usualDays(), ...proxy], days);
  expect(incidents.map(({ kind, severity }) => ({ kind, severity }))).toEqual([
    { kind: "new_service", severity: "info" },
  ]);
});

it("stays silent on a server that is new itself, and on one that an administrator logs in to", async () => {
  const fresh = clients(12).map((client, k) => connection(days - 1, 700 + k, client, "10.9.0.2", 3128));
  const login = connection(days - 1, 800, clients(1)[0], server, 22);
  expect(await incidentsOverDays([...usualDays(), ...fresh, login], days)).toEqual([]);
});
