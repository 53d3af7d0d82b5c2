import { existsSync, writeFileSync } from "node:fs";
import { capturesFolder, scorecardPagePath } from "../captures/captures-folder.js";
import type { Check, Measured } from "./check.js";
import { scorecardPage } from "./scorecard-page.js";
import { sections } from "./sections.js";

// npm run scorecard: measures everything, prints it, and writes the page where the captures are at hand.
process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  if (args.length > 0) {
    process.stderr.write(
      "npm run scorecard takes no arguments: it measures everything and writes docs/scorecard.md\n",
    );
    return args.includes("--help") || args.includes("-h") ? 0 : 2;
  }
  const isThere = existsSync(capturesFolder);
  const measured = new Map<Check, Measured>();
  let wrong = 0;
  for (const { title, checks } of sections) {
    process.stdout.write(`\n${title}\n`);
    for (const check of checks) {
      if (check.needsCaptures === true && !isThere) continue;
      const result = await check.measure();
      measured.set(check, result);
      const verdict = result.isKept ? "kept  " : check.miss === undefined ? "MISSED" : "missed";
      if (result.isKept === (check.miss !== undefined)) wrong++;
      process.stdout.write(`  ${verdict}  ${check.name}: ${result.figure}\n`);
    }
  }
  if (isThere)
    writeFileSync(scorecardPagePath, scorecardPage(sections.map((section) => ({ ...section, measured }))));
  else process.stderr.write(`no captures in ${capturesFolder}: docs/scorecard.md stays as it is\n`);
  return wrong === 0 ? 0 : 1;
}
