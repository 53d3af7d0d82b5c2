import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root folder. */
export const rootFolder = fileURLToPath(new URL("../../", import.meta.url));

export const projects = ["proto", "sensor", "correlator", "api", "deploy", "test"] as const;

const foldersSkipped = new Set(["node_modules", "dist", "generated", "coverage"]);

/** One import of a source file. */
export interface SourceImport {
  /** As written. */
  readonly specifier: string;
  /** Path from the root without extension when it is a file of ours, for example "sensor/src/pipeline". */
  readonly target: string | undefined;
}

/** A TypeScript file that is written by hand, paths from the root with forward slashes. */
export interface SourceFile {
  readonly path: string;
  readonly project: string;
  readonly lines: number;
  /** Source without comments, and with empty strings. */
  readonly code: string;
  readonly imports: readonly SourceImport[];
  /** A spec, or a file that only specs use: fixtures, builders and conformance suites. */
  readonly isTest: boolean;
}

/** Every source file of every project. */
export function readSourceFiles(): SourceFile[] {
  return projects.flatMap((project) =>
    walk(project)
      .filter((path) => path.endsWith(".ts"))
      .map(readSourceFile),
  );
}

/** Paths of all files below a folder of the root, generated and installed ones left out. */
export function walk(folder: string): string[] {
  return readdirSync(join(rootFolder, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (!entry.isDirectory()) return entry.isFile() ? [path] : [];
    return foldersSkipped.has(entry.name) ? [] : walk(path);
  });
}

function readSourceFile(path: string): SourceFile {
  const text = readFileSync(join(rootFolder, path), "utf8");
  return {
    path,
    project: path.split("/")[0],
    lines: text.split("\n").length - 1,
    code: withoutStrings(withoutComments(text)),
    imports: importsOf(path, withoutComments(text)),
    isTest: isTestPath(path),
  };
}

export function isTestPath(path: string): boolean {
  return (
    path.startsWith("test/") ||
    path.includes("/testing/") ||
    /(\.spec|[.-]fixture|[.-]fixtures|[.-]conformance)\.ts$/.test(path)
  );
}

/** Comments, or strings that may look like them, which are kept. */
const commentOrString =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|[^`\\])*`/g;

export function withoutComments(text: string): string {
  return text.replace(commentOrString, (token) => (token.startsWith("/") ? " " : token));
}

/** Templates are kept, they hold code. */
export function withoutStrings(text: string): string {
  return text.replace(commentOrString, (token) => (token.startsWith("`") ? token : '""'));
}

const importSpecifier = /(?:\bfrom\s*|\bimport\s*\(\s*|\bimport\s+)["']([^"'\n]+)["']/g;

export function importsOf(path: string, text: string): SourceImport[] {
  return [...text.matchAll(importSpecifier)].map(([, specifier]) => ({
    specifier,
    target: targetOf(path, specifier),
  }));
}

/** Projects with a `src` folder publish it, deploy and test publish themselves. */
function targetOf(path: string, specifier: string): string | undefined {
  const file = specifier.replace(/\.m?js$/, "");
  if (file.startsWith(".")) return posix.join(posix.dirname(path), file);
  const own = /^@picket\/([a-z]+)\/(.+)$/.exec(file);
  if (own === null) return undefined;
  const [, project, inner] = own;
  return project === "deploy" || project === "test" ? `${project}/${inner}` : `${project}/src/${inner}`;
}
