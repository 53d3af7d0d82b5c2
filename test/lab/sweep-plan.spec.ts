import { expect, test } from "vitest";
import { attackers, hosts } from "./address-plan.js";
import { isWithinLimits, measureSweep, plannedProbes, sweepPlan } from "./sweep-plan.js";

test("the sweep of ten sources reaches every host and stays below every limit", () => {
  const probes = plannedProbes();
  expect(new Set(probes.map(({ source }) => source)).size).toBe(10);
  expect(new Set(probes.map(({ destination }) => destination)).size).toBe(hosts.length);
  expect(isWithinLimits(measureSweep(probes))).toBe(true);
  expect(new Set(sweepPlan.map(({ source }) => source.namespace)).size).toBe(attackers.length);
});

test.each([
  ["a seventh probe of one source", { source: "10.88.20.11", destination: "10.88.1.17" }],
  ["a fourth source at one host", { source: "10.88.20.12", destination: "10.88.1.10" }],
])("%s is over a limit", (_what, probe) => {
  expect(isWithinLimits(measureSweep([...plannedProbes(), probe]))).toBe(false);
});

test("no address is used twice", () => {
  const addresses = [
    ...hosts.map(({ address }) => address),
    ...attackers.flatMap(({ addresses: held }) => held),
  ];
  expect(new Set(addresses).size).toBe(addresses.length);
});
