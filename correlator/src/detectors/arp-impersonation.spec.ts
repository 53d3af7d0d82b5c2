import { ArpOperation } from "@picket/proto/batch/flow-columns.js";
import { expect, it } from "vitest";
import { arpImpersonation } from "./arp-impersonation.js";
import { asked, runArp, told, type RunArp } from "./testing/arp-run.js";
import { permuted, runStartMs } from "./testing/fact-run.js";

const attacker = "00:25:b3:bf:91:ee";
const [a, b, own] = ["10.0.0.1", "10.0.0.9", "10.0.0.66"];
const at = (second: number): number => runStartMs + second * 1000;

async function find(records: readonly RunArp[]): Promise<object[]> {
  const findings = await runArp(arpImpersonation, records);
  return findings.map(({ sources, targets, confidence }) => ({ sources, targets, confidence }));
}

it.each([
  ["one way", [told(attacker, a, b, at(1))], []],
  [
    "both ways",
    [told(attacker, a, b, at(1)), told(attacker, b, a, at(2))],
    [{ sources: [attacker], targets: [a, b], confidence: 0.8 }],
  ],
  [
    "both ways, one of them by asking",
    [told(attacker, a, b, at(1)), asked(attacker, b, a, at(2))],
    [{ sources: [attacker], targets: [a, b], confidence: 0.8 }],
  ],
  [
    "one way while it asks for the address itself",
    [told(attacker, a, b, at(1)), asked(attacker, own, a, at(9))],
    [{ sources: [attacker], targets: [a, b], confidence: 0.7 }],
  ],
])("finds who tells others that it is someone else %s", async (_, records, expected) => {
  expect(await find(records)).toEqual(expected);
});

it("finds the same out of order, repeated, and in parts by two sensors", async () => {
  const records = [told(attacker, a, b, at(1)), told(attacker, b, a, at(2)), asked(attacker, own, a, at(3))];
  const expected = await runArp(arpImpersonation, records);
  expect(await runArp(arpImpersonation, permuted([...records, ...records]))).toEqual(expected);
  const [spread] = await runArp(arpImpersonation, records, { sensorsOf: (index) => [1 + index] });
  expect({ ...spread, evidence: [] }).toEqual({ ...expected[0], evidence: [] });
  expect(spread.evidence).toHaveLength(2);
});

it.each<[string, RunArp[]]>([
  ["a proxy that answers both when asked", [answered(a, b), answered(b, a)]],
  ["a repeater whose hosts ask for each other", [asked(attacker, a, b, at(1)), asked(attacker, b, a, at(2))]],
  [
    "a router with many addresses behind a one-way mirror",
    Array.from({ length: 20 }, (_, host) => told(attacker, `10.0.${host}.1`, `10.0.${host}.7`, at(host))),
  ],
  [
    "a virtual router address",
    [told("00:00:5e:00:01:07", a, b, at(1)), asked("00:00:5e:00:01:07", own, a, at(2))],
  ],
  ["a host that announces its address and asks for others", [announced(a), asked(attacker, a, b, at(2))]],
])("finds nothing in %s", async (_, records) => {
  expect(await find(records)).toEqual([]);
});

function answered(sender: string, target: string): RunArp {
  return { ...told(attacker, sender, target, at(1)), isUnsolicited: false };
}

function announced(sender: string): RunArp {
  return {
    operation: ArpOperation.announcement,
    mac: attacker,
    sender,
    target: sender,
    timeMs: at(1),
  };
}
