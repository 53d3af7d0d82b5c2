import { randomBytes } from "node:crypto";
import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import { encodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { batchBytesMax } from "@picket/proto/batch/flow-columns.js";
import { appendRecord, isFailed, type SimulatedRecord } from "../scenarios/simulated-flow.js";

/** A batch waits this long for more records: with a failed contact in it, and without, milliseconds. */
const failedFlushMs = 200;
const flushMs = 2000;

/** An encoded batch on its way out. */
export interface SensorBatch {
  readonly sensor: VirtualSensor;
  readonly sequence: number;
  readonly bytes: Uint8Array;
  readonly records: number;
}

/** What stands for a sensor: a name, an epoch of its own, and the records it has not sent. */
export class VirtualSensor {
  readonly name: string;
  readonly epoch = randomBytes(16);
  sequence = 0;
  recordsEmitted = 0;
  /** Event time at which what waits is sent; infinity when nothing waits. */
  dueMs = Number.POSITIVE_INFINITY;
  records: SimulatedRecord[] = [];

  constructor(readonly index: number) {
    this.name = `fleet-${String(index).padStart(5, "0")}`;
  }
}

/** Packs the records of many sensors into batches by the rule that real sensors follow. */
export class VirtualSensors {
  readonly all: readonly VirtualSensor[];
  readonly #builder = new FlowBatchBuilder();
  readonly #scratch = new Uint8Array(batchBytesMax);
  /** Those with something to send. */
  readonly #waiting = new Set<VirtualSensor>();

  constructor(count: number) {
    this.all = Array.from({ length: count }, (_, index) => new VirtualSensor(index));
  }

  /** Gives a record to its sensor. */
  take(record: SimulatedRecord): void {
    const sensor = this.all[record.sensor];
    sensor.records.push(record);
    sensor.recordsEmitted++;
    const dueMs = record.emitMs + (isFailed(record.flow) ? failedFlushMs : flushMs);
    if (dueMs < sensor.dueMs) sensor.dueMs = dueMs;
    this.#waiting.add(sensor);
  }

  /** The batches that are due. */
  batches(nowMs: number): SensorBatch[] {
    const due: SensorBatch[] = [];
    for (const sensor of this.#waiting)
      if (sensor.dueMs <= nowMs) {
        this.#waiting.delete(sensor);
        due.push(...this.#pack(sensor));
      }
    return due;
  }

  #pack(sensor: VirtualSensor): SensorBatch[] {
    const { records } = sensor;
    sensor.records = [];
    sensor.dueMs = Number.POSITIVE_INFINITY;
    const batches: SensorBatch[] = [];
    this.#builder.reset();
    for (const record of records) {
      if (appendRecord(this.#builder, record)) continue;
      batches.push(this.#encode(sensor));
      if (!appendRecord(this.#builder, record))
        throw new Error("a record does not fit into a batch of its own");
    }
    batches.push(this.#encode(sensor));
    return batches;
  }

  #encode(sensor: VirtualSensor): SensorBatch {
    const { columns } = this.#builder;
    columns.epoch.set(sensor.epoch);
    columns.sequence = ++sensor.sequence;
    const batch = {
      sensor,
      sequence: columns.sequence,
      bytes: encodeFlowBatch(columns, this.#scratch).slice(),
      records: columns.length,
    };
    this.#builder.reset();
    return batch;
  }
}
