import { openInputs } from "@picket/deploy/local/open-inputs.js";
import { addressKeyOfWords, formatAddressKey } from "@picket/correlator/windows/address-key.js";
import { type FlowColumns, RecordKind } from "@picket/proto/batch/flow-columns.js";
import type { SensorPipelineSettings } from "@picket/sensor/pipeline.js";
import { icmp, icmpv6 } from "./icmp-definitions.js";
import { addPackets, endText, flowKey, type MeasuredFlow, newFlow } from "./measured-flow.js";

/** What Picket's own meter says of a capture file. */
export interface PicketRun {
  /** In the order they began to be reported. */
  readonly flows: readonly MeasuredFlow[];
  readonly counters: Readonly<Record<string, number>>;
}

/** Meters a capture file as `picket analyze` does; the records of one flow are added up. */
export async function picketFlows(path: string, settings: SensorPipelineSettings): Promise<PicketRun> {
  const adder = new RecordAdder();
  const inputs = await openInputs([{ sensor: "agreement", path }], settings, (_, columns) =>
    adder.add(columns),
  );
  try {
    for (const input of inputs) while (await input.next());
    return { flows: adder.flows, counters: inputs[0].counters() };
  } finally {
    for (const input of inputs) await input.close();
  }
}

/** A key has one flow at a time: its first record opens it, the others belong to the newest. */
class RecordAdder {
  readonly flows: MeasuredFlow[] = [];
  private readonly newest = new Map<string, MeasuredFlow>();

  add(columns: FlowColumns): void {
    for (let row = 0; row < columns.length; row++) this.addRow(columns, row);
  }

  private addRow(columns: FlowColumns, row: number): void {
    const { key, direction } = keyOf(columns, row);
    const kind = columns.recordKind[row];
    const isFirst = kind === RecordKind.first || kind === RecordKind.only;
    const flow = isFirst ? this.open(key) : this.newest.get(key);
    if (flow === undefined) throw new Error(`${key}: a record of a flow that was never begun`);
    const [startUs, endUs] = [columns.startUs[row], columns.endUs[row]];
    const reverse = direction === 0 ? 1 : 0;
    addPackets(flow, direction, columns.forwardPackets[row], columns.forwardBytes[row], startUs, endUs);
    addPackets(flow, reverse, columns.reversePackets[row], columns.reverseBytes[row], startUs, endUs);
  }

  private open(key: string): MeasuredFlow {
    const flow = newFlow(key);
    this.flows.push(flow);
    this.newest.set(key, flow);
    return flow;
  }
}

function keyOf(columns: FlowColumns, row: number): ReturnType<typeof flowKey> {
  const protocol = columns.protocol[row];
  const isIcmp = protocol === icmp || protocol === icmpv6;
  // ICMP: the type and code of the request stand for the ports of both ends.
  const sourcePort = isIcmp ? columns.destinationPort[row] : columns.sourcePort[row];
  const source = endText(addressText(columns, columns.sourceIndex[row]), sourcePort);
  const destination = endText(
    addressText(columns, columns.destinationIndex[row]),
    columns.destinationPort[row],
  );
  return flowKey(protocol, source, destination);
}

function addressText(columns: FlowColumns, index: number): string {
  return formatAddressKey(addressKeyOfWords(columns.addressWords, index * 4));
}
