import { ArpOperation, batchArpRecordsMax, type FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { beforeEach, describe, expect, it } from "vitest";
import { FlowBatchSink } from "./flow-batch-sink.js";

const failedFlushUs = 100;
const flushUs = 1000;

describe("FlowBatchSink with ARP records", () => {
  let flushed: number[];
  let sink: FlowBatchSink;

  beforeEach(() => {
    flushed = [];
    const onBatch = ({ length, arp }: FlowColumns): void => void flushed.push(length, arp.length);
    sink = new FlowBatchSink(onBatch, () => 5000, failedFlushUs, flushUs, 1);
  });

  function appendArp(target: number, operation: ArpOperation, answered: number): void {
    const row = sink.appendArp(1, target, 2, 3, 0, 0);
    const { arp } = sink.columns;
    arp.operation[row] = operation;
    arp.answered[row] = answered;
    arp.startUs[row] = 4000;
    arp.endUs[row] = 4000;
    arp.packets[row] = 1;
    sink.arpFilled();
  }

  it("flushes a batch of ARP records alone", () => {
    appendArp(9, ArpOperation.reply, 0);
    expect([sink.openedUs, sink.dueUs]).toEqual([5000, 5000 + flushUs]);
    sink.flush();
    expect(flushed).toEqual([0, 1]);
    expect(sink.dueUs).toBe(Infinity);
  });

  it("hurries with a request that nobody answered", () => {
    appendArp(9, ArpOperation.request, 1);
    expect(sink.dueUs).toBe(5000 + flushUs);
    appendArp(8, ArpOperation.request, 0);
    expect(sink.dueUs).toBe(5000 + failedFlushUs);
  });

  it("flushes by itself when a batch has no room for one more", () => {
    for (let target = 0; target <= batchArpRecordsMax; target++) appendArp(target, ArpOperation.request, 0);
    expect(flushed).toEqual([0, batchArpRecordsMax]);
    expect(sink.columns.arp.length).toBe(1);
  });

  it("flushes nothing when there is nothing", () => {
    sink.flush();
    expect(flushed).toEqual([]);
  });
});
