import { expectedRuns } from "../captures/expected.js";
import { pathsOf } from "../captures/analyze-run.js";
import type { Check, CheckSection, Measured } from "./check.js";

/** A section with what its checks came to. */
export interface MeasuredSection extends CheckSection {
  readonly measured: ReadonlyMap<Check, Measured>;
}

const head = `# Scorecard

Written by \`npm run scorecard\` where the captures are at hand; do not edit.

What the detectors find, miss and tell in error, with the built-in policy. Every figure is the same on every run and every
machine; a test measures each again and compares this page. A row that misses its bar says why, and fails its test when it
begins to keep it.
`;

/** The text of docs/scorecard.md. */
export function scorecardPage(sections: readonly MeasuredSection[]): string {
  const rows = sections.flatMap(({ checks }) => checks);
  const missed = rows.filter(({ miss }) => miss !== undefined).length;
  const sum = `${rows.length - missed} of ${rows.length} checks below keep their bar.\n`;
  return [head, sum, capturesText(), ...sections.map(sectionText)].join("\n");
}

/** The rows themselves are a page of their own. */
function capturesText(): string {
  const folders = [...new Set(expectedRuns.map(folderOf))].sort();
  const rows = folders.map((folder) => {
    const runs = expectedRuns.filter((run) => folderOf(run) === folder);
    const agree = runs.filter(({ miss }) => miss === undefined).length;
    return [folder, `${new Set(runs.flatMap(pathsOf)).size}`, `${runs.length}`, `${agree}`];
  });
  const misses = expectedRuns.flatMap(({ files, says, miss }) =>
    miss === undefined ? [] : [`- ${files.map((file) => `\`${file}\``).join(", ")}: ${says}. ${miss.why}\n`],
  );
  return [
    "## Public captures\n",
    "Every file with what is expected and what is said of it: [captures.md](captures.md), kept by its own test.\n",
    table(["folder", "files", "rows", "agree"], rows),
    ...(misses.length === 0 ? [] : [`Rows that do not agree:\n\n${misses.join("")}`]),
  ].join("\n");
}

function folderOf({ files }: { readonly files: readonly string[] }): string {
  return files[0].split("/")[0];
}

function sectionText({ title, text, checks, measured }: MeasuredSection): string {
  const rows = checks.map((check) => [
    check.name,
    check.bar,
    measured.get(check)?.figure ?? "",
    check.miss === undefined ? "kept" : `missed: ${check.miss}`,
  ]);
  return [`## ${title}\n`, `${text}\n`, table(["check", "bar", "measured", ""], rows)].join("\n");
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  return [titles, titles.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}
