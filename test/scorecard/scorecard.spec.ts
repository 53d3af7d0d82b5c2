import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { capturesFolder, scorecardPagePath } from "../captures/captures-folder.js";
import type { Check, Measured } from "./check.js";
import { scorecardPage } from "./scorecard-page.js";
import { sections } from "./sections.js";

const isThere = existsSync(capturesFolder);
if (!isThere)
  process.stderr.write(
    `no captures in ${capturesFolder} (PICKET_CAPTURES): the scorecard is checked in part\n`,
  );

const measured = new Map<Check, Measured>();

describe.each(sections)("scorecard: $title", ({ checks }) => {
  it.each(checks.map((check) => [check.name, check] as const))(
    "%s",
    async (_, check) => {
      if ((check.needsCaptures === true || check.isLong === true) && !isThere) return;
      const result = await check.measure();
      measured.set(check, result);
      // A check that begins to keep its bar fails here: strike out its reason.
      expect(result.isKept, result.figure).toBe(check.miss === undefined);
    },
    600_000,
  );
});

it.skipIf(!isThere)("the figures are those of docs/scorecard.md (npm run scorecard writes it)", () => {
  const page = scorecardPage(sections.map((section) => ({ ...section, measured })));
  expect(readFileSync(scorecardPagePath, "utf8")).toBe(page);
});
