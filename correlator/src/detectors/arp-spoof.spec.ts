import { ArpOperation } from "@picket/proto/batch/flow-columns.js";
import { expect, it } from "vitest";
import { arpSpoof } from "./arp-spoof.js";
import { asked, runArp, told, type RunArp } from "./testing/arp-run.js";
import { permuted, runStartMs } from "./testing/fact-run.js";

const [holder, taker] = ["00:1b:21:00:00:01", "b8:27:eb:77:77:07"];
const [gateway, host] = ["10.0.0.1", "10.0.0.9"];
const at = (second: number): number => runStartMs + second * 1000;

async function find(records: readonly RunArp[]): Promise<string[]> {
  const findings = await runArp(arpSpoof, records);
  return findings.map(
    ({ severity, sources, confidence }) => `${severity} ${sources.join()} ${confidence.toFixed(2)}`,
  );
}

it.each<[string, RunArp[], string[]]>([
  [
    "tells one host and nobody else",
    [asked(holder, gateway, host, at(1)), told(taker, gateway, host, at(20))],
    [`medium ${taker} 0.55`],
  ],
  [
    "tells one host while the holder is still heard",
    [
      asked(holder, gateway, host, at(1)),
      told(taker, gateway, host, at(20)),
      asked(holder, gateway, "10.0.0.8", at(30)),
    ],
    [`high ${taker} 0.85`],
  ],
  [
    "uses it as its own while the holder does too",
    [0, 10, 20, 30].flatMap((second) => [
      asked(holder, gateway, host, at(second)),
      asked(taker, gateway, host, at(second + 5)),
    ]),
    [`low ${taker} 0.60`],
  ],
])("finds who takes an address: it %s", async (_, records, expected) => {
  expect(await find(records)).toEqual(expected);
});

it("compares what different sensors saw", async () => {
  const records = [
    asked(holder, gateway, host, at(1)),
    told(taker, gateway, host, at(20)),
    asked(holder, gateway, "10.0.0.8", at(30)),
  ];
  const [finding] = await runArp(arpSpoof, records, { sensorsOf: (index) => [index === 1 ? 2 : 1] });
  expect(finding.factors.map(({ name }) => name)).toEqual([
    "told_unasked",
    "told_unasked_only",
    "previous_holder_active",
  ]);
  expect(finding.evidence.map(({ sensor }) => sensor)).toEqual([1, 2]);
});

it("finds the same out of order and repeated", async () => {
  const records = [0, 10, 20].flatMap((second) => [
    asked(holder, gateway, host, at(second)),
    told(taker, gateway, host, at(second + 5)),
  ]);
  expect(await runArp(arpSpoof, permuted([...records, ...records]))).toEqual(await runArp(arpSpoof, records));
});

const announced = (mac: string, second: number): RunArp => ({
  operation: ArpOperation.announcement,
  mac,
  sender: gateway,
  target: gateway,
  timeMs: at(second),
});

it.each<[string, RunArp[]]>([
  [
    "a new card, or a lease given anew",
    [asked(holder, gateway, host, at(1)), announced(taker, 60), asked(taker, gateway, host, at(70))],
  ],
  [
    "a failover and its way back",
    [
      announced(holder, 1),
      asked(holder, gateway, host, at(2)),
      announced(taker, 60),
      asked(taker, gateway, host, at(61)),
      announced(holder, 120),
      asked(holder, gateway, host, at(121)),
    ],
  ],
  [
    "a proxy that answers for the address as well",
    [0, 10, 20].flatMap((second) => [
      asked(holder, gateway, host, at(second)),
      { ...told(taker, gateway, host, at(second + 1)), isUnsolicited: false },
    ]),
  ],
  [
    "two ports of one bonded card",
    [
      asked(holder, gateway, host, at(1)),
      told("00:1b:21:00:00:02", gateway, host, at(20)),
      asked(holder, gateway, host, at(40)),
    ],
  ],
  [
    "a virtual router address that takes over",
    [asked(holder, gateway, host, at(1)), told("00:00:5e:00:01:01", gateway, host, at(20))],
  ],
])("finds nothing in %s", async (_, records) => {
  expect(await find(records)).toEqual([]);
});

it("finds nothing in the same private address at two sites", async () => {
  const records = [0, 10, 20, 30].flatMap((second) => [
    asked(holder, gateway, host, at(second)),
    asked(taker, gateway, host, at(second + 5)),
  ]);
  expect(await runArp(arpSpoof, records, { sensorsOf: (index) => [1 + (index % 2)] })).toEqual([]);
});
