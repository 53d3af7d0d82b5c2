import { createHash } from "node:crypto";

import type { FlowDelivery } from "@picket/correlator/flows/flow-source.js";
import { updateEveryMs } from "@picket/correlator/incidents/incident-publisher.js";
import type { Incident } from "@picket/correlator/incidents/incident.js";
import type { PolicyRevision } from "@picket/correlator/policy/policy.js";
import type { FlowColumns } from "@picket/proto/batch/flow-columns.js";

import { copiedDelivery } from "./copied-delivery.js";
import type { FlowInput, InputCounters, InputFile } from "./flow-input.js";
import type { LocalEngine } from "./local-engine.js";
import { openLocalEngine } from "./local-engine.js";
import { mergeInputs } from "./merge-inputs.js";
import { openInputs } from "./open-inputs.js";
import { meteringSettings } from "./metering-settings.js";

/** The watermark moves at least this far between two rounds of closing slices. */
const tickStepMs = 5000;

/** A file after it was read to its end. */
export interface AnalyzedInput extends InputFile {
  readonly counters: InputCounters;
  /** Where it is damaged, if it is. */
  readonly damage: string | undefined;
}

/** What an analysis found and read. */
export interface Analysis {
  /** Confirmed incidents in order of first sighting. */
  readonly incidents: readonly Incident[];
  readonly inputs: readonly AnalyzedInput[];
  /** Flow records of all files. */
  readonly flows: number;
}

/**
 * Runs files through the same pipeline as live traffic, one sensor a file,
 * merged by event time. No clock is read: event time is the only time, so the
 * result depends on the files and the policy alone.
 */
export async function analyze(
  files: readonly InputFile[],
  policy: PolicyRevision,
  onProgress: (inputs: readonly FlowInput[]) => void = () => undefined,
): Promise<Analysis> {
  const pending: FlowDelivery[] = [];
  const batches = new BatchCopies(pending);
  const inputs = await openInputs(files, meteringSettings(policy.policy), (input, columns) =>
    batches.add(input, columns),
  );
  const engine = await openLocalEngine({ policy, provisional: false });
  const rounds = new Rounds(engine, policy.policy.incident.allowedLatenessSeconds * 1000);
  try {
    await mergeInputs(inputs, async (settledUs) => {
      await rounds.step(pending.splice(0), settledUs);
      onProgress(inputs);
    });
    await rounds.finish();
    return {
      incidents: await confirmedIncidents(engine),
      inputs: inputs.map(analyzed),
      flows: batches.flows,
    };
  } finally {
    for (const input of inputs) await input.close();
    await engine.close();
  }
}

function analyzed(input: FlowInput): AnalyzedInput {
  return { sensor: input.sensor, path: input.path, counters: input.counters(), damage: input.damage };
}

/** Copies of the batches that wait for the correlator, numbered for each input. */
class BatchCopies {
  flows = 0;
  private readonly sequences = new Map<FlowInput, { epoch: Uint8Array; sequence: number }>();

  constructor(private readonly pending: FlowDelivery[]) {}

  add(input: FlowInput, columns: FlowColumns): void {
    let numbering = this.sequences.get(input);
    if (numbering === undefined) {
      numbering = { epoch: epochOf(input.sensor), sequence: 0 };
      this.sequences.set(input, numbering);
    }
    numbering.sequence++;
    this.flows += columns.length;
    this.pending.push(copiedDelivery(columns, { sensor: input.sensor, ...numbering }, latestEndMs(columns)));
  }
}

/** The same for the same sensor name, so that two analyses compare equal. */
function epochOf(sensor: string): Uint8Array {
  return createHash("sha256").update(sensor).digest().subarray(0, 16);
}

function latestEndMs(columns: FlowColumns): number {
  let latestUs = 0;
  for (let row = 0; row < columns.length; row++) latestUs = Math.max(latestUs, columns.endUs[row]);
  const { arp } = columns;
  for (let row = 0; row < arp.length; row++) latestUs = Math.max(latestUs, arp.endUs[row]);
  return latestUs / 1000;
}

/** Feeds the correlator and closes slices behind the slowest input. */
class Rounds {
  private nowMs = 0;
  private closedUntilMs = 0;

  constructor(
    private readonly engine: LocalEngine,
    private readonly latenessMs: number,
  ) {}

  async step(deliveries: readonly FlowDelivery[], settledUs: number): Promise<void> {
    for (const delivery of deliveries) this.nowMs = Math.max(this.nowMs, delivery.ingestMs);
    if (deliveries.length > 0) await this.engine.correlator.applyDeliveries(deliveries, this.nowMs);
    const watermarkMs = settledUs / 1000 - this.latenessMs;
    if (watermarkMs - this.closedUntilMs < tickStepMs) return;
    this.closedUntilMs = watermarkMs;
    await this.engine.correlator.tick(watermarkMs, this.nowMs);
  }

  /** Lets out the updates that are held back so that watchers are not told too often. */
  async finish(): Promise<void> {
    await this.engine.correlator.tick(Infinity, this.nowMs + updateEveryMs);
  }
}

async function confirmedIncidents(engine: LocalEngine): Promise<Incident[]> {
  const { incidents } = await engine.incidents.list({});
  return incidents
    .filter((incident) => incident.confirmation === "confirmed")
    .sort((a, b) => a.firstSeenMs - b.firstSeenMs || (a.id < b.id ? -1 : 1));
}
