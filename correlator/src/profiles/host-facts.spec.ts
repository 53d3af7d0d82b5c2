import { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { HomeNetworks } from "../flows/home-networks.js";
import { Observer } from "../flows/observer.js";
import type { FactObservation } from "../windows/fact-window.js";
import { dayMs } from "../windows/window-store.js";
import { activityObserver, activityOf, hostActivity, observePeer, observeService } from "./host-facts.js";

const startMs = 20_000 * dayMs;
const inside = 0x0a000007;
const server = 0x0a000009;
const outside = 0xcb007109;
const pieceBytes = 2 ** 24;

interface Record {
  readonly source?: number;
  readonly destination?: number;
  readonly port?: number;
  readonly minutes?: number;
  readonly outcome?: Outcome;
  readonly forwardBytes?: number;
}

class Batches {
  readonly observer = new Observer(new HomeNetworks([]), 1, [
    activityObserver,
    { observeFlow: observePeer },
    { observeFlow: observeService },
  ]);
  private sequence = 0;

  /** Facts of one more batch of this sensor. */
  observe(records: readonly Record[], sensor = 1, sequence = ++this.sequence): readonly FactObservation[] {
    const builder = new FlowBatchBuilder(records.length);
    for (const record of records) append(builder, record);
    this.observer.observe(builder.columns, { sensor, contribution: `b${sequence}`, clockCorrectionMs: 0 });
    return this.observer.take().facts;
  }
}

function append(builder: FlowBatchBuilder, record: Record): void {
  const { source = inside, destination = server, port = 443, minutes = 0 } = record;
  const row = builder.append(0, 0, 0xffff, source, 0, 0, 0xffff, destination);
  const { columns } = builder;
  columns.sourcePort[row] = 40_000 + row;
  columns.destinationPort[row] = port;
  columns.protocol[row] = 6;
  columns.outcome[row] = record.outcome ?? Outcome.answered;
  columns.startUs[row] = (startMs + minutes * 60_000) * 1000;
  columns.endUs[row] = columns.startUs[row];
  columns.forwardBytes[row] = record.forwardBytes ?? 500;
}

function namesOf(facts: readonly FactObservation[]): string[] {
  return facts
    .map(({ kind, member }) => (kind === hostActivity ? `activity ${member[0]}` : kind.name))
    .sort();
}

describe("what is collected of a host", () => {
  it("is its peer and the service at both ends, and the hour", () => {
    expect(namesOf(new Batches().observe([{}]))).toEqual([
      "activity h",
      "activity h",
      "activity u",
      "host_peers",
      "host_services",
    ]);
  });

  it("is written once a day, however much there is of it", () => {
    const batches = new Batches();
    batches.observe([{}]);
    expect(batches.observe(Array.from({ length: 500 }, () => ({})))).toEqual([]);
    expect(batches.observe([{ minutes: 24 * 60 }])).toHaveLength(5);
  });

  it("is written again when what was written may be gone", () => {
    const batches = new Batches();
    batches.observe([{}]);
    batches.observer.forget();
    expect(batches.observe([{}])).toHaveLength(5);
  });

  it("is written by each sensor", () => {
    const batches = new Batches();
    batches.observe([{}], 1);
    expect(batches.observe([{}], 2)).toHaveLength(5);
  });

  it("of a server with a thousand clients is sixteen groups of them", () => {
    const clients = Array.from({ length: 1000 }, (_, k) => ({ source: outside + k, destination: inside }));
    const facts = new Batches().observe(clients);
    expect(facts.filter(({ kind }) => kind.name === "host_services")).toHaveLength(16);
    expect(facts.length).toBe(17);
  });

  it("is nothing where nobody answered or both ends are outside", () => {
    const failed = { outcome: Outcome.ignored, forwardBytes: 10 * pieceBytes };
    expect(new Batches().observe([failed, { source: outside, destination: outside + 1 }])).toEqual([]);
  });

  it("names the hour in one of sixteen records of what is known already", () => {
    const batches = new Batches();
    batches.observe([{}]);
    const later = batches.observe(
      Array.from({ length: 300 }, (_, k) => ({ minutes: 120 + Math.floor(k / 5) })),
    );
    expect(namesOf(later)).toEqual(["activity h", "activity h"]);
  });

  it("adds the volume up in whole pieces, on average right", () => {
    const batches = new Batches();
    const records = Array.from({ length: 800 }, (_, k) => ({
      minutes: k % 1000,
      forwardBytes: pieceBytes / 8,
    }));
    const facts = batches.observe(records);
    const sent = facts.filter(({ member, subject }) => member[0] === "s" && subject === "\n\0\0\x07");
    // 100 pieces expected, of a standard deviation of 9.
    expect(sent.length).toBeGreaterThan(70);
    expect(sent.length).toBeLessThan(130);
    const whole = batches.observe([{ forwardBytes: 40 * pieceBytes }]);
    const members = whole.map(({ member, value, sensor }) => ({
      member,
      value,
      firstMs: 0,
      lastMs: 0,
      sensors: [sensor],
    }));
    const day = activityOf({
      kind: hostActivity,
      subject: "",
      slice: 0,
      refused: 0,
      members: members.slice(0, 1),
    });
    expect(day.sentBytes + day.receivedBytes).toBe(40 * pieceBytes);
  });

  it("does not count a batch twice that is delivered again", () => {
    const batches = new Batches();
    const record = { forwardBytes: 3 * pieceBytes };
    const first = batches.observe([record], 1, 9);
    batches.observer.forget();
    expect(batches.observe([record], 1, 9)).toEqual(first);
  });
});
