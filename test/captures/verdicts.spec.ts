import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { judgeRun, type JudgedRun, pathsOf } from "./analyze-run.js";
import { capturesPage } from "./captures-page.js";
import { capturesFolder, capturesPagePath, filesBelow } from "./captures-folder.js";
import { expectedRuns } from "./expected.js";
import type { ExpectedRun } from "./expected-run.js";

const isThere = existsSync(capturesFolder);
if (!isThere)
  process.stderr.write(`no captures in ${capturesFolder} (PICKET_CAPTURES): verdicts not checked\n`);

describe.skipIf(!isThere)(`verdicts on the captures in ${capturesFolder}`, () => {
  const judged = new Map<ExpectedRun, JudgedRun>();

  beforeAll(async () => {
    for (const run of expectedRuns) judged.set(run, await judgeRun(run));
  }, 180_000);

  const named = expectedRuns.map((run) => [`${run.files.join(" + ")}: ${run.says}`, run] as const);

  it.each(named.filter(([, { miss }]) => miss === undefined))("%s", (_, run) => {
    const { absent, unexpected, accused } = judgedOf(run);
    expect({ absent, unexpected: unexpected.map(summary), accused: accused.map(summary) }).toEqual({
      absent: [],
      unexpected: [],
      accused: [],
    });
  });

  // A row that begins to agree fails here: strike out its reason.
  it.each(named.filter(([, { miss }]) => miss !== undefined))("still misses %s", (_, run) => {
    const { absent, unexpected, accused } = judgedOf(run);
    const isAbsent = run.miss?.what === "absent";
    expect({ absent: absent.length > 0, unexpected: unexpected.length > 0 }).toEqual({
      absent: isAbsent,
      unexpected: !isAbsent,
    });
    expect(accused.map(summary)).toEqual([]);
  });

  it("are expected for every file of the folder and every row of its indexes", () => {
    const expected = new Set(expectedRuns.flatMap(pathsOf));
    expect([...expected].sort()).toEqual(filesBelow(capturesFolder));
    const beginnings = ["", "zeek-logs"].flatMap(rowBeginnings);
    expect(beginnings.length).toBeGreaterThan(40);
    const without = beginnings.filter(
      (beginning) => ![...expected].some((path) => path.startsWith(beginning)),
    );
    expect(without).toEqual([]);
  });

  it("are those of docs/captures.md (npm run docs writes it)", () => {
    expect(readFileSync(capturesPagePath, "utf8")).toBe(capturesPage(expectedRuns.map(judgedOf)));
  });

  function judgedOf(run: ExpectedRun): JudgedRun {
    const found = judged.get(run);
    if (found === undefined) throw new Error(`${run.files.join(" + ")} was not analyzed`);
    return found;
  }
});

/** How the paths begin that the rows of a folder's index name: several in a cell, each with a `*` perhaps. */
function rowBeginnings(folder: string): string[] {
  const index = readFileSync(join(capturesFolder, folder, "INDEX.md"), "utf8");
  const cells = [...index.matchAll(/^\| (?!file \||-)([^|]+) \|/gm)].map(([, cell]) => cell);
  return cells
    .flatMap((cell) => cell.split(", "))
    .map((name) => join(folder, name.trim().replace(/\*$/, "")));
}

function summary({ severity, summary }: { severity: string; summary: string }): string {
  return `${severity}: ${summary}`;
}
