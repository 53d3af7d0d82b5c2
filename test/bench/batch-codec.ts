import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import { decodeFlowBatch, encodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { batchBytesMax, FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { FlowBatch } from "@picket/proto/generated/picket/v1/flow.js";
import { LabFlows } from "../scenarios/lab-flows.js";
import { median, rounded, type Benchmark, type Measurement } from "./benchmark.js";

const batches = 100;
const records = 200;
const rounds = 40;
const warmUpRounds = 20;

/** Nanoseconds a flow to encode and to decode lab batches, ours and the generated code. */
export const batchCodec: Benchmark = {
  name: "batch-codec",
  summary: "encoding and decoding batches of 200 lab flows against the generated code",
  async run({ runs }) {
    const fixtures = makeFixtures();
    const tasks = tasksFor(fixtures);
    for (const task of tasks) repeat(task.once, warmUpRounds);
    for (let run = 0; run < runs; run++)
      for (const task of tasks) task.values.push(nanosecondsPerFlow(task.once));
    const [encode, generatedEncode, decode, generatedDecode] = tasks.map((task) => median(task.values));
    return {
      metric: "CPU to encode and decode one flow; ratio is how many times less than the generated code",
      unit: "ns",
      measurements: tasks.map(({ label, values }): Measurement => ({ label, values })),
      value: rounded(encode + decode),
      peers: { "ts-proto": rounded(generatedEncode + generatedDecode) },
      ratio: {
        encode: rounded(generatedEncode / encode),
        decode: rounded(generatedDecode / decode),
        both: rounded((generatedEncode + generatedDecode) / (encode + decode)),
      },
      runs,
      notes: [`${batches} batches of ${records} lab flows, ${rounded(bytesPerFlow(fixtures))} bytes a flow`],
    };
  },
};

interface Fixture {
  readonly columns: FlowColumns;
  readonly bytes: Uint8Array;
  readonly message: FlowBatch;
}

interface Task {
  readonly label: string;
  readonly values: number[];
  readonly once: () => void;
}

function makeFixtures(): Fixture[] {
  const flows = new LabFlows(1);
  const scratch = new Uint8Array(batchBytesMax);
  return Array.from({ length: batches }, (_, at) => {
    const builder = new FlowBatchBuilder(records);
    builder.columns.sequence = at + 1;
    flows.appendTo(builder, records);
    const bytes = encodeFlowBatch(builder.columns, scratch).slice();
    return { columns: builder.columns, bytes, message: FlowBatch.decode(bytes) };
  });
}

function tasksFor(fixtures: readonly Fixture[]): Task[] {
  const scratch = new Uint8Array(batchBytesMax);
  const columns = new FlowColumns();
  const task = (label: string, work: (fixture: Fixture) => void): Task => ({
    label,
    values: [],
    once: () => fixtures.forEach(work),
  });
  return [
    task("picket encode", (fixture) => void encodeFlowBatch(fixture.columns, scratch)),
    task("ts-proto encode", (fixture) => void FlowBatch.encode(fixture.message).finish()),
    task("picket decode", (fixture) => void decodeFlowBatch(fixture.bytes, columns)),
    task("ts-proto decode", (fixture) => void FlowBatch.decode(fixture.bytes)),
  ];
}

function repeat(once: () => void, times: number): void {
  for (let round = 0; round < times; round++) once();
}

function nanosecondsPerFlow(once: () => void): number {
  const start = process.cpuUsage();
  repeat(once, rounds);
  const used = process.cpuUsage(start);
  return ((used.user + used.system) * 1000) / (rounds * batches * records);
}

function bytesPerFlow(fixtures: readonly Fixture[]): number {
  return fixtures.reduce((sum, fixture) => sum + fixture.bytes.length, 0) / (batches * records);
}
