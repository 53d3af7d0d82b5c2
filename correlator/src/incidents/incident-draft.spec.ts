import { expect, it } from "vitest";
import { buildIncident } from "../adapters/memory/incident-fixture.js";
import { IncidentDraft } from "./incident-draft.js";
import type { Incident } from "./incident.js";

const [host, other, peer] = ["10.0.0.1", "10.0.0.2", "203.0.113.9"];

it.each<[string, Partial<Incident>]>([
  [host, { kind: "vertical_scan", sources: [host], targets: [peer] }],
  [host, { kind: "new_service", sources: [], targets: [host] }],
  [host, { kind: "udp_flood", sources: [peer], targets: [host] }],
  [`${host} tcp/80`, { kind: "syn_flood", sources: [peer], targets: [host], ports: ["tcp/80"] }],
  [host, { kind: "amplification", sources: [peer, other], targets: [host] }],
  [host, { kind: "amplification", sources: [host], targets: [peer] }],
  [`inbound ${peer}`, { kind: "cross_host_burst", sources: [peer], targets: [host, other] }],
  [`outbound ${peer}`, { kind: "cross_host_burst", sources: [host, other], targets: [peer] }],
])("an incident that was stored is joined by its next finding, %s", (primaryKey, fields) => {
  const draft = IncidentDraft.restore(buildIncident(fields), () => 1);
  expect([...draft.primaryKeys]).toEqual([primaryKey]);
});
