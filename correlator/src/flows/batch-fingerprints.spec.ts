import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import { HostDirection, Outcome, RecordKind } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { crowdBit, type ContactObservation } from "../windows/window-store.js";
import { HomeNetworks } from "./home-networks.js";
import { Observer } from "./observer.js";

const outside = 0xcb_00_71_05;
const inside = 0x0a_00_00_05;
const nmap = Uint8Array.of(64, 0, 4, 0, 5, 180, 255, 0, 0x20, 0, 0, 0);
const linux = Uint8Array.of(64, 0, 250, 240, 5, 180, 7, 1, 0x24, 0x81, 0x30, 0);

interface Knock {
  readonly fingerprint?: Uint8Array;
  readonly source?: number;
  readonly destination?: number;
  readonly outcome?: number;
}

function observe(knocks: readonly Knock[]): readonly ContactObservation[] {
  const builder = new FlowBatchBuilder(16);
  for (const { fingerprint, source = outside, destination = inside, outcome = Outcome.ignored } of knocks) {
    const row = builder.append(0, 0, 0xffff, source, 0, 0, 0xffff, destination);
    const { columns } = builder;
    columns.protocol[row] = 6;
    columns.destinationPort[row] = 22;
    columns.outcome[row] = outcome;
    columns.recordKind[row] = RecordKind.only;
    columns.startUs[row] = 1e12;
    columns.direction[row] = HostDirection.transit;
    if (fingerprint !== undefined) builder.setFingerprint(row, fingerprint, 0);
  }
  const observer = new Observer(new HomeNetworks([]));
  observer.observe(builder.columns, { sensor: 7, contribution: "batch", clockCorrectionMs: 0 });
  const { failed, answered } = observer.take();
  return [...failed, ...answered];
}

const idOf = (fingerprint: Uint8Array): number => observe([{ fingerprint }])[0].fingerprint;
const changed = (of: Uint8Array, at: number): Uint8Array => of.with(at, of[at] ^ 1);

describe("the fingerprint of a contact", () => {
  it("is one number for equal ones, another for others", () => {
    expect(idOf(nmap)).toBe(idOf(nmap.slice()));
    const ids = [0, 1, 4, 5, 6, 7, 9].map((at) => idOf(changed(linux, at)));
    expect(new Set([idOf(linux), idOf(nmap), ...ids]).size).toBe(9);
  });

  it("holds the window, but not where the MSS is the only option", () => {
    expect(idOf(changed(linux, 2))).not.toBe(idOf(linux));
    for (const at of [2, 3]) expect(idOf(changed(nmap, at))).toBe(idOf(nmap));
  });

  it.each([
    ["from outside, failed inside", {}, true],
    ["without one", { fingerprint: undefined }, false],
    ["from inside", { source: inside + 1 }, false],
    ["to the outside", { destination: outside + 1 }, false],
    ["answered", { outcome: Outcome.answered }, false],
  ])("makes a crowd: %s", (_, some, joins) => {
    const [contact] = observe([{ fingerprint: linux, ...some }]);
    expect((contact.crowds & crowdBit.fingerprint) !== 0).toBe(joins);
    expect(contact.fingerprint !== 0).toBe(joins);
  });

  it("is written for a contact seen before when it is another, and only then", () => {
    expect(observe([{ fingerprint: linux }, { fingerprint: nmap }, { fingerprint: linux }])).toHaveLength(2);
  });
});
