import { ArpOperation, FlowColumns, Outcome } from "@picket/proto/batch/flow-columns.js";
import { expect, test } from "vitest";
import type { FactKind } from "../windows/fact-window.js";
import type { FactObserver } from "./flow-row.js";
import { HomeNetworks } from "./home-networks.js";
import { Observer } from "./observer.js";

const kind: FactKind = {
  id: 255,
  name: "test",
  sliceMs: 60_000,
  slicesBefore: 0,
  hotMembersMin: 1,
  membersMax: 8,
};
const context = { sensor: 7, contribution: "batch", clockCorrectionMs: 1000 };

test("shows every record with its corrected times, addresses and name", () => {
  const columns = batch();
  const observer: FactObserver = {
    observeFlow: (flow, add) =>
      add(
        kind,
        flow.source(),
        flow.destination() + flow.name(),
        flow.endMs,
        flow.columns.destinationPort[flow.row],
      ),
  };
  const [fact] = observe(columns, observer);
  expect(fact).toEqual({
    kind,
    subject: "\n\0\0\x01",
    member: "\n\0\0\x02pool.example",
    timeMs: 62_000,
    value: 443,
    sensor: 7,
  });
});

test("shows every ARP record with its addresses", () => {
  const columns = batch();
  const observer: FactObserver = {
    observeArp: (arp, add) =>
      add(kind, arp.senderMac(), arp.sender() + arp.target() + arp.targetMac(), arp.timeMs),
  };
  const [fact] = observe(columns, observer);
  expect(fact.subject).toBe("\x02\0\0\0\0\x01");
  expect(fact.member).toBe("\n\0\0\x01\n\0\0\x02\0\0\0\0\0\0");
  expect(fact.timeMs).toBe(61_000);
});

test("takes no fact of a slice that is closed, and counts it", () => {
  const observer: FactObserver = { observeFlow: (flow, add) => add(kind, "s", "m", flow.timeMs) };
  const rows = new Observer(new HomeNetworks([]), 1, [observer]);
  rows.closeStarts(120_000);
  rows.observe(batch(), context);
  expect(rows.take().facts).toEqual([]);
  expect(rows.counters.factsLate).toBe(1);
});

function observe(columns: FlowColumns, observer: FactObserver) {
  const rows = new Observer(new HomeNetworks([]), 1, [observer]);
  rows.observe(columns, context);
  return rows.take().facts;
}

/** One flow and one ARP request, at 60 s. */
function batch(): FlowColumns {
  const columns = new FlowColumns();
  columns.addressWords.set([0, 0, 0xffff, 0x0a000001, 0, 0, 0xffff, 0x0a000002]);
  columns.addressCount = 2;
  columns.length = 1;
  columns.destinationIndex[0] = 1;
  columns.destinationPort[0] = 443;
  columns.protocol[0] = 6;
  columns.outcome[0] = Outcome.answered;
  columns.startUs[0] = 60_000_000;
  columns.endUs[0] = 61_000_000;
  columns.nameBytes.set(Buffer.from("dnspool.example"));
  columns.nameEnds.set([3, 15]);
  columns.nameCount = 2;
  columns.name[0] = 2;
  const { arp } = columns;
  arp.length = 1;
  arp.macCount = 2;
  arp.macs.set([2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  arp.targetIndex[0] = 1;
  arp.targetMacIndex[0] = 1;
  arp.operation[0] = ArpOperation.request;
  arp.startUs[0] = 60_000_000;
  arp.endUs[0] = 60_000_000;
  return columns;
}
