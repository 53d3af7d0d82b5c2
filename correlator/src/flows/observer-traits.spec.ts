import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import { HostDirection, Outcome, RecordKind, type FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { ContactTrait } from "../windows/contact-traits.js";
import { crowdBit } from "../windows/window-store.js";
import { HomeNetworks } from "./home-networks.js";
import { Observer } from "./observer.js";

const { closedPort, atOrigin, atTarget } = ContactTrait;
const outside = 0xcb_00_71_05;
const inside = 0x0a_00_00_05;
const host = 0x0a_00_00_09;
const context = { sensor: 7, contribution: "batch", clockCorrectionMs: 0 };

function batch(source: number, direction: number, closed: number, destination = host): FlowColumns {
  const builder = new FlowBatchBuilder(4);
  const row = builder.append(0, 0, 0xffff, source, 0, 0, 0xffff, destination);
  const { columns } = builder;
  columns.protocol[row] = 6;
  columns.destinationPort[row] = 22;
  columns.outcome[row] = Outcome.refused;
  columns.recordKind[row] = RecordKind.only;
  columns.startUs[row] = 1e12;
  columns.direction[row] = direction;
  columns.closedPort[row] = closed;
  return columns;
}

describe("an answered contact", () => {
  it.each([
    ["inside", inside, host, crowdBit.port],
    ["inside, of a source from outside", outside, host, crowdBit.port],
    ["outside", inside, outside, 0],
  ])("says by its crowds that its destination is %s", (_, source, destination, crowds) => {
    const observer = new Observer(new HomeNetworks([]));
    const columns = batch(source, HostDirection.transit, 0, destination);
    columns.outcome[0] = Outcome.answered;
    observer.observe(columns, context);
    expect(observer.take().answered.map((contact) => contact.crowds)).toEqual([crowds]);
  });
});

describe("traits of a contact", () => {
  it.each([
    ["of a sensor on the way", outside, HostDirection.transit, 0, 0],
    ["of the target", outside, HostDirection.inbound, 0, atTarget],
    ["of the target, at a closed port", outside, HostDirection.inbound, 1, atTarget | closedPort],
    ["of the source", inside, HostDirection.outbound, 0, atOrigin],
    ["of both on one host", inside, HostDirection.internal, 0, atTarget | atOrigin],
    ["of an inside source at a closed port", inside, HostDirection.inbound, 1, atTarget],
  ])("%s", (_, source, direction, closed, traits) => {
    const observer = new Observer(new HomeNetworks([]));
    observer.observe(batch(source, direction, closed), context);
    expect(observer.take().failed.map((contact) => contact.traits)).toEqual([traits]);
  });

  it("are written when a contact seen before has new ones, and only then", () => {
    const observer = new Observer(new HomeNetworks([]));
    for (const closed of [0, 0, 1, 1])
      observer.observe(batch(outside, HostDirection.inbound, closed), context);
    expect(observer.take().failed.map((contact) => contact.traits)).toEqual([
      atTarget,
      atTarget | closedPort,
    ]);
  });
});
