import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's folder, from the sources and from dist alike. */
const rootFolder = findRoot(fileURLToPath(new URL(".", import.meta.url)));

/** Public captures that are not part of the repository, with an INDEX.md that says what each holds. */
export const capturesFolder = process.env["PICKET_CAPTURES"] ?? join(rootFolder, "../shared/captures");

/** Files that broke parsers, in one folder for each origin. */
export const malformedFolder = process.env["PICKET_MALFORMED"] ?? join(rootFolder, "../shared/malformed");

/** The page this folder's generator writes. */
export const capturesPagePath = join(rootFolder, "docs/captures.md");

/** The page of everything that the detectors are measured by. */
export const scorecardPagePath = join(rootFolder, "docs/scorecard.md");

/** The page of the comparison with other meters. */
export const agreementPagePath = join(rootFolder, "docs/agreement.md");

/** Every file below a folder but its indexes, by path relative to it, sorted; none when it is absent. */
export function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== "INDEX.md")
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

function findRoot(folder: string): string {
  return existsSync(join(folder, "nx.json")) ? folder : findRoot(join(folder, ".."));
}
