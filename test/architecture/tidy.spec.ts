import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { readSourceFiles, rootFolder } from "./source-files.js";

const files = readSourceFiles();
const fileLinesMax = 400;
const pipelineLinesMax = 150;

const foldersAllowed = ["sensor", "correlator", "proto", "api", "deploy", "test", "docs"];
const filesAllowed = [
  "nx.json",
  "package.json",
  "package-lock.json",
  "README.md",
  "CONTRIBUTING.md",
  "CHANGELOG.md",
  "LICENSE",
  "tsconfig.json",
  "tsconfig.base.json",
  "vitest.config.ts",
];

/** What git ignores at the top level, as plain names. */
function ignoredNames(): string[] {
  const lines = readFileSync(join(rootFolder, ".gitignore"), "utf8").split("\n");
  return lines.map((line) => line.replace(/^\/|\/$/g, "")).filter((line) => line !== "");
}

describe("the tree", () => {
  it("has only its folders and files at the top level", () => {
    const allowed = new Set([...foldersAllowed, ...filesAllowed, ...ignoredNames()]);
    const found = readdirSync(rootFolder).filter((name) => !name.startsWith(".") && !allowed.has(name));
    expect(found.filter((name) => !name.endsWith(".log"))).toEqual([]);
    for (const folder of foldersAllowed) expect(existsSync(join(rootFolder, folder)), folder).toBe(true);
  });

  it(`has no source file over ${fileLinesMax} lines, and pipelines of at most ${pipelineLinesMax}`, () => {
    const linesMax = (path: string): number =>
      path.endsWith("/pipeline.ts") ? pipelineLinesMax : fileLinesMax;
    const wrong = files.filter((file) => file.lines > linesMax(file.path));
    expect(wrong.map((file) => `${file.path}: ${file.lines} lines`)).toEqual([]);
  });

  it("names files in kebab-case after their idea", () => {
    const kebabCase =
      /^[a-z0-9]+(-[a-z0-9]+)*(\.(spec|module|controller|config|guard|interceptor|fixture))?\.ts$/;
    const vague = /^(utils?|helpers?|common|misc|shared|types|index)\.ts$/;
    const names = files.filter(
      (file) => !kebabCase.test(basename(file.path)) || vague.test(basename(file.path)),
    );
    expect(names.map((file) => file.path)).toEqual([]);
  });

  it("uses no any, no ignored type error and no unfinished mark", () => {
    const anyType = /(:|\bas|<|\||&|,|=>)\s*any\b(?!\s*[(:])/;
    const wrong = files.filter((file) => anyType.test(file.code));
    expect(wrong.map((file) => file.path)).toEqual([]);
    const marks = /TODO|FIXME|@ts-(ignore|nocheck|expect-error)/;
    const others = files.filter((file) => !file.path.startsWith("test/architecture/"));
    const marked = others.filter((file) => marks.test(readFileSync(join(rootFolder, file.path), "utf8")));
    expect(marked.map((file) => file.path)).toEqual([]);
  });
});
