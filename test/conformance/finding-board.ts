import type { BoardEntry, FindingBoard } from "@picket/correlator/incidents/incident-store.js";
import type { FoldChange, FoldedIncident } from "@picket/correlator/incidents/fold.js";
import { IncidentDraft } from "@picket/correlator/incidents/incident-draft.js";
import type { Finding } from "@picket/correlator/incidents/incident.js";
import { describe, expect, test } from "vitest";

/** The suite of every finding board; `open` gives an empty one, seen `count` times. */
export function findingBoardConformance(
  name: string,
  open: (count: number, entriesMax?: number) => Promise<FindingBoard[]>,
): void {
  describe(`${name} finding board`, () => {
    test("an empty board has nothing, at any position", async () => {
      const [board] = await open(1);
      const { entries, position } = await board.read("", 10);
      expect(entries).toEqual([]);
      expect((await board.read(position, 10)).entries).toEqual([]);
      expect([...(await board.closedUntil())]).toEqual(Array(64).fill(0));
    });

    test("what one posts another reads, whole and in order, in pages of any size", async () => {
      const [writer, reader] = await open(2);
      const posted = [...Array(25).keys()].map((index) => findingEntry(index));
      await writer.post(posted.slice(0, 10));
      await writer.post(posted.slice(10));
      for (const page of [1, 7, 100]) expect(await readAll(reader, page)).toEqual(posted);
    });

    test("a position goes on right after what was read", async () => {
      const [board] = await open(1);
      await board.post([findingEntry(1)]);
      const { position } = await board.read("", 10);
      await board.post([findingEntry(2)]);
      expect((await board.read(position, 10)).entries).toEqual([findingEntry(2)]);
    });

    test("the closed time of a partition never goes back", async () => {
      const [one, two] = await open(2);
      await one.post([closedEntry(3, 1_700_000_600_000), closedEntry(63, 5)]);
      await two.post([closedEntry(3, 1_700_000_000_000)]);
      const closed = await two.closedUntil();
      expect(closed[3]).toBe(1_700_000_600_000);
      expect(closed[63]).toBe(5);
      expect(closed[0]).toBe(0);
    });

    test("only the newest entries stay, and an old position goes on with them", async () => {
      const [board] = await open(1, 100);
      await board.post([findingEntry(0)]);
      const { position } = await board.read("", 1);
      for (let from = 1; from <= 1_000; from += 100)
        await board.post([...Array(100).keys()].map((index) => findingEntry(from + index)));
      const kept = await readAll(board, 1_000);
      expect(kept.length).toBeLessThan(400);
      expect(kept.at(-1)).toEqual(findingEntry(1_000));
      const { entries } = await board.read(position, 1_000);
      expect(entries.at(-1)).toEqual(findingEntry(1_000));
    });

    test("entries are read up to a position, and no further", async () => {
      const [board] = await open(1);
      await board.post([findingEntry(1), findingEntry(2)]);
      const { position } = await board.read("", 10);
      await board.post([findingEntry(3)]);
      const { entries, position: same } = await board.read("", 10, position);
      expect(entries).toEqual([findingEntry(1), findingEntry(2)]);
      expect(same).toBe(position);
      expect((await board.read("", 10, "")).entries).toEqual([]);
    });

    test("a fold is kept incident by incident, each as it was last stored", async () => {
      const [holder, other] = await open(2);
      expect(await other.loadFold()).toBeUndefined();
      const [one, two] = [folded(1), folded(2)];
      expect(await holder.saveFold(fold({ incidents: [one], isWhole: false }), 3)).toBe("absent");
      expect(await holder.saveFold(fold({ incidents: [one, two], isWhole: true }), 3)).toBe("saved");
      const grown = { ...one, claims: ["10.0.0.9"] };
      const next = {
        incidents: [grown],
        removed: [two.draft.plain.id],
        position: "7",
        foldedUntilMs: 20_000,
      };
      expect(await holder.saveFold(fold({ ...next, isWhole: false }), 3)).toBe("saved");
      expect(await other.loadFold()).toMatchObject({
        foldedUntilMs: 20_000,
        position: "7",
        bursts: [["inbound", [buildFinding(5)]]],
        incidents: [grown],
      });
    });

    test("whoever takes over stores a whole fold, and the one before it none", async () => {
      const [old, next] = await open(2);
      await old.saveFold(fold({ incidents: [folded(1)], isWhole: true }), 3);
      expect(await next.saveFold(fold({ incidents: [folded(2)], isWhole: false }), 4)).toBe("absent");
      expect(await next.saveFold(fold({ incidents: [folded(2)], isWhole: true }), 4)).toBe("saved");
      expect(await old.saveFold(fold({ incidents: [folded(3)], isWhole: true }), 3)).toBe("refused");
      expect((await old.loadFold())?.incidents).toEqual([folded(2)]);
    });

    test("a fold of everything there will be is one", async () => {
      const [board] = await open(1);
      await board.saveFold(fold({ foldedUntilMs: Infinity, isWhole: true }), 1);
      expect((await board.loadFold())?.foldedUntilMs).toBe(Infinity);
    });

    test("posting nothing changes nothing", async () => {
      const [board] = await open(1);
      await board.post([]);
      expect(await readAll(board, 10)).toEqual([]);
    });
  });
}

async function readAll(board: FindingBoard, page: number): Promise<BoardEntry[]> {
  const all: BoardEntry[] = [];
  for (let position = ""; ;) {
    const read = await board.read(position, page);
    if (read.entries.length === 0) return all;
    all.push(...read.entries);
    position = read.position;
  }
}

function fold(change: Partial<FoldChange>): FoldChange {
  const bursts = [["inbound", [buildFinding(5)]]] as const;
  return {
    isWhole: false,
    foldedUntilMs: 10_000,
    position: "5",
    bursts,
    incidents: [],
    removed: [],
    ...change,
  };
}

function folded(index: number): FoldedIncident {
  const finding = buildFinding(index);
  const draft = new IncidentDraft(`incident-${index}`, finding);
  draft.add(finding, (sensor) => `sensor-${sensor}`);
  return { draft: draft.state(), keys: [`horizontal_scan|${finding.primaryKey}`], claims: [] };
}

function closedEntry(partition: number, untilMs: number): BoardEntry {
  return { kind: "closed", partition, untilMs };
}

/** A finding whose strings hold every byte. */
function findingEntry(index: number): BoardEntry {
  return { kind: "finding", finding: buildFinding(index) };
}

function buildFinding(index: number): Finding {
  const everyByte = String.fromCharCode(...Array(256).keys());
  return {
    kind: "horizontal_scan",
    view: "source",
    primaryKey: `10.0.0.${index}`,
    partition: index % 64,
    sliceStartMs: 1_700_000_000_000,
    sliceEndMs: 1_700_000_600_000,
    confirmed: index % 2 === 0,
    severity: "medium",
    confidence: 0.875,
    factors: [],
    sources: ["10.0.0.1"],
    targets: ["10.0.0.2"],
    ports: ["tcp/22"],
    sourceCount: 1,
    targetCount: 1,
    portCount: 1,
    contactCount: index,
    firstSeenMs: 1_700_000_000_001,
    lastSeenMs: 1_700_000_000_002,
    evidence: [],
    samples: [
      {
        source: "\xff\0\r\n",
        destination: everyByte,
        protocol: 6,
        port: 22,
        firstMs: 1,
        outcome: 3,
        sensors: [0xffffffff],
      },
    ],
    refusedMembers: 0,
    sourceVerified: false,
    policyRevision: 1,
  };
}
