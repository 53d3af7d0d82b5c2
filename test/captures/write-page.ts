import { existsSync, writeFileSync } from "node:fs";
import { judgeRun, type JudgedRun } from "./analyze-run.js";
import { capturesPage } from "./captures-page.js";
import { capturesFolder, capturesPagePath } from "./captures-folder.js";
import { expectedRuns } from "./expected.js";

// npm run docs: writes the page of the captures where they are at hand, else leaves it alone.
if (existsSync(capturesFolder)) await writePage();
else process.stderr.write(`no captures in ${capturesFolder}: docs/captures.md stays as it is\n`);

async function writePage(): Promise<void> {
  const judged: JudgedRun[] = [];
  for (const run of expectedRuns) judged.push(await judgeRun(run));
  writeFileSync(capturesPagePath, capturesPage(judged));
}
