import { expect, it } from "vitest";
import { MemoryFindingBoard } from "../adapters/memory/memory-finding-board.js";
import { MemoryIncidentStore } from "../adapters/memory/memory-incident-store.js";
import { MemoryLeases } from "../adapters/memory/memory-leases.js";
import { MemorySensorRegistry } from "../adapters/memory/memory-sensor-registry.js";
import { partitionCount } from "../windows/window-store.js";
import type { FoldChange } from "./fold.js";
import { GroupingLoop } from "./grouping-loop.js";
import type { BoardEntry, FoldSaving } from "./incident-store.js";
import type { Finding } from "./incident.js";

const sliceMs = 600_000;
const startMs = 2_980_000 * sliceMs;

/** A board that is away for some savings. */
class BrokenBoard extends MemoryFindingBoard {
  failures = 0;

  override saveFold(change: FoldChange, fence: number): Promise<FoldSaving> {
    if (this.failures === 0) return super.saveFold(change, fence);
    this.failures--;
    return Promise.reject(new Error("away"));
  }
}

/** A confirmed scan in a slice. */
function scan(source: string, slice: number): BoardEntry {
  const finding: Finding = {
    kind: "vertical_scan",
    view: "source",
    primaryKey: source,
    partition: 0,
    sliceStartMs: startMs + slice * sliceMs,
    sliceEndMs: startMs + (slice + 1) * sliceMs,
    confirmed: true,
    severity: "medium",
    confidence: 0.9,
    factors: [],
    sources: [source],
    targets: [`10.0.9.${slice}`],
    ports: ["tcp/22"],
    sourceCount: 1,
    targetCount: 1,
    portCount: 1,
    contactCount: 40,
    firstSeenMs: startMs + slice * sliceMs,
    lastSeenMs: startMs + slice * sliceMs + 1,
    evidence: [],
    samples: [],
    refusedMembers: 0,
    sourceVerified: false,
    policyRevision: 1,
  };
  return { kind: "finding", finding };
}

function closed(slices: number): BoardEntry[] {
  return Array.from({ length: partitionCount }, (_, partition) => ({
    kind: "closed",
    partition,
    untilMs: startMs + slices * sliceMs,
  }));
}

it("whoever takes over goes on from everything that was folded, also where it could not be stored at first", async () => {
  let nowMs = 1;
  const board = new BrokenBoard();
  const incidents = new MemoryIncidentStore();
  const ports = {
    board,
    incidents,
    leases: new MemoryLeases(() => nowMs),
    sensors: new MemorySensorRegistry(),
  };
  const [first, second] = [new GroupingLoop(ports), new GroupingLoop(ports)];
  await board.post([scan("10.0.0.1", 0), ...closed(1)]);
  await first.run((nowMs += 2000));
  board.failures = 1;
  await board.post([scan("10.0.0.1", 1), scan("10.0.0.2", 1), ...closed(2)]);
  await expect(first.run((nowMs += 2000))).rejects.toThrow("away");
  await first.run((nowMs += 2000));
  const told = await incidents.loadAll();
  expect(told.map(({ sources, targets }) => [sources[0], targets.length]).sort()).toEqual([
    ["10.0.0.1", 2],
    ["10.0.0.2", 1],
  ]);
  const fold = await board.loadFold();
  expect(fold?.incidents.map(({ draft }) => draft.sets.targets.length).sort()).toEqual([1, 2]);
  await board.post([scan("10.0.0.1", 2), ...closed(3)]);
  await second.run((nowMs += 60_000));
  const [grown] = await incidents.loadAll();
  expect(grown).toMatchObject({ sources: ["10.0.0.1"], targetCount: 3, contactCount: 40 });
});
