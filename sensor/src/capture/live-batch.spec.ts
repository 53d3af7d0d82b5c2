import { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { totalsOf } from "./live-batch.js";

describe("the totals of a batch", () => {
  it("add up both directions and span all records", () => {
    const columns = new FlowColumns(4, 4);
    columns.length = 2;
    columns.forwardPackets.set([1, 2]);
    columns.reversePackets.set([10, 20]);
    columns.forwardBytes.set([100, 200]);
    columns.reverseBytes.set([1000, 2000]);
    columns.startUs.set([50, 40]);
    columns.endUs.set([60, 90]);
    expect(totalsOf(columns)).toEqual({ records: 2, packets: 33, bytes: 3300, fromUs: 40, toUs: 90 });
  });

  it("count ARP records too, with their packets", () => {
    const columns = new FlowColumns(4, 4);
    columns.length = 1;
    columns.forwardPackets[0] = 3;
    columns.startUs[0] = 50;
    columns.endUs[0] = 60;
    columns.arp.length = 2;
    columns.arp.packets.set([5, 7]);
    columns.arp.startUs.set([30, 55]);
    columns.arp.endUs.set([40, 70]);
    expect(totalsOf(columns)).toEqual({ records: 3, packets: 15, bytes: 0, fromUs: 30, toUs: 70 });
  });

  it("of no records are zero", () => {
    expect(totalsOf(new FlowColumns(4, 4))).toEqual({ records: 0, packets: 0, bytes: 0, fromUs: 0, toUs: 0 });
  });
});
