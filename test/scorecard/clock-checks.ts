import { join } from "node:path";
import type { FlowDelivery } from "@picket/correlator/flows/flow-source.js";
import type { Incident } from "@picket/correlator/incidents/incident.js";
import { Correlator } from "@picket/correlator/pipeline.js";
import { defaultPolicy } from "@picket/correlator/policy/policy.js";
import { copiedDelivery } from "@picket/deploy/local/copied-delivery.js";
import { meteringSettings } from "@picket/deploy/local/metering-settings.js";
import { openInputs } from "@picket/deploy/local/open-inputs.js";
import type { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { capturesFolder } from "../captures/captures-folder.js";
import { expectedRuns } from "../captures/expected.js";
import type { ExpectedRun } from "../captures/expected-run.js";
import { memoryPorts } from "../engine/memory-ports.js";
import { activeIncidents, confirmedTerms } from "../engine/run-engine.js";
import { incidentsText } from "./analysis.js";
import type { Check, Measured } from "./check.js";

const apartMs = 5 * 60_000;
const epochs = { right: new Uint8Array(16).fill(1), wrong: new Uint8Array(16).fill(2) };

/** Attacks that one capture holds. */
const runs = expectedRuns.filter(
  ({ files, required, miss }) =>
    miss === undefined && required.length > 0 && files.length === 1 && !files[0].startsWith("zeek-logs/"),
);

/** Each attack of the captures folder, given to two sensors whose clocks are five minutes apart. */
export const clockChecks: readonly Check[] = runs.map((run) => ({
  name: `\`${run.files[0]}\``,
  bar: "the same incidents as of one sensor",
  measure: () => measureApart(run),
  needsCaptures: true,
}));

async function measureApart(run: ExpectedRun): Promise<Measured> {
  const batches = await batchesOf(join(capturesFolder, run.files[0]));
  const alone = await incidentsOf(batches.map(rightDelivery));
  const told = await incidentsOf(
    batches.flatMap((batch) => [rightDelivery(batch), wrongDelivery(batch, true)]),
  );
  const untold = await incidentsOf(
    batches.flatMap((batch) => [rightDelivery(batch), wrongDelivery(batch, false)]),
  );
  const isSame = JSON.stringify(confirmedTerms(told)) === JSON.stringify(confirmedTerms(alone));
  const isAlike = JSON.stringify(withoutTimes(untold)) === JSON.stringify(withoutTimes(alone));
  return {
    figure:
      isSame && isAlike && incidentsText(untold) === incidentsText(alone)
        ? incidentsText(alone)
        : `${incidentsText(alone)}; two clocks: ${incidentsText(told)}; without the time of sending: ${incidentsText(untold)}`,
    isKept: isSame && isAlike,
  };
}

/** What does not follow from the clock: what seems to last longer may be told as more severe. */
function withoutTimes(incidents: readonly Incident[]): unknown[] {
  return incidents
    .map(({ kind, sources, targets, ports }) => JSON.stringify({ kind, sources, targets, ports }))
    .sort();
}

interface MeteredBatch {
  readonly columns: FlowColumns;
  readonly sequence: number;
  /** When it is there, by the packets' clock. */
  readonly arrivalMs: number;
}

/** A capture as the batches of one sensor. */
async function batchesOf(path: string): Promise<MeteredBatch[]> {
  const batches: MeteredBatch[] = [];
  let arrivalMs = 0;
  const add = (columns: FlowColumns): void => {
    arrivalMs = Math.max(arrivalMs, latestMs(columns));
    const sequence = batches.length + 1;
    const copy = copiedDelivery(columns, { sensor: "", epoch: epochs.right, sequence }, arrivalMs).columns;
    batches.push({ columns: copy, sequence, arrivalMs });
  };
  const [input] = await openInputs(
    [{ sensor: "right", path }],
    meteringSettings(defaultPolicy),
    (_, columns) => add(columns),
  );
  while (await input.next());
  await input.close();
  return batches;
}

function rightDelivery({ columns, sequence, arrivalMs }: MeteredBatch): FlowDelivery {
  const identity = { sensor: "right", epoch: epochs.right, sequence };
  return { ...copiedDelivery(columns, identity, arrivalMs), sentMs: arrivalMs };
}

/** The same from a sensor whose clock is ahead; its time of sending says so, or nothing does. */
function wrongDelivery({ columns, sequence, arrivalMs }: MeteredBatch, isTold: boolean): FlowDelivery {
  const identity = { sensor: "wrong", epoch: epochs.wrong, sequence };
  const delivery = copiedDelivery(columns, identity, arrivalMs);
  for (const table of [delivery.columns, delivery.columns.arp])
    for (let row = 0; row < table.length; row++) {
      table.startUs[row] += apartMs * 1000;
      table.endUs[row] += apartMs * 1000;
    }
  return { ...delivery, sentMs: isTold ? arrivalMs + apartMs : 0 };
}

async function incidentsOf(deliveries: readonly FlowDelivery[]): Promise<Incident[]> {
  const ports = memoryPorts();
  const correlator = new Correlator(ports, { owner: "only", seed: 1, provisional: false });
  let nowMs = 0;
  for (const delivery of deliveries) {
    nowMs = delivery.ingestMs;
    await correlator.applyDeliveries([delivery], nowMs);
  }
  for (let round = 0; round < 3; round++) await correlator.tick(Infinity, (nowMs += 2000));
  return activeIncidents(await ports.incidents.loadAll());
}

function latestMs(columns: FlowColumns): number {
  let latestUs = 0;
  for (const table of [columns, columns.arp])
    for (let row = 0; row < table.length; row++) latestUs = Math.max(latestUs, table.endUs[row]);
  return latestUs / 1000;
}
