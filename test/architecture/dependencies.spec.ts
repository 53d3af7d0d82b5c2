import { describe, expect, it } from "vitest";
import { readSourceFiles, type SourceFile } from "./source-files.js";

const files = readSourceFiles();

/** sensor → proto ← correlator ← api; deploy and test see everything, nothing sees them. */
const allowedProjects: Readonly<Record<string, readonly string[]>> = {
  proto: ["proto"],
  sensor: ["proto", "sensor"],
  correlator: ["proto", "correlator"],
  api: ["proto", "correlator", "api"],
  deploy: ["proto", "sensor", "correlator", "api", "deploy"],
  test: ["proto", "sensor", "correlator", "api", "deploy", "test"],
};

/** It looks at the servers themselves, and is a client of the api. */
const doctorFolder = "deploy/picket/doctor/";

/** Imports of ours that break the rule, as "file → target". */
function violations(isWrong: (file: SourceFile, target: string) => boolean): string[] {
  return files.flatMap((file) =>
    file.imports
      .filter(({ target }) => target !== undefined && isWrong(file, target))
      .map(({ target }) => `${file.path} → ${target}`),
  );
}

describe("dependencies", () => {
  it("follow sensor → proto ← correlator ← api", () => {
    const wrong = violations((file, target) => !allowedProjects[file.project].includes(target.split("/")[0]));
    expect(wrong).toEqual([]);
  });

  it("cross into another project by its package name only", () => {
    const relative = files.flatMap((file) =>
      file.imports
        .filter(
          ({ specifier, target }) => specifier.startsWith(".") && target?.split("/")[0] !== file.project,
        )
        .map(({ specifier }) => `${file.path} → ${specifier}`),
    );
    expect(relative).toEqual([]);
  });

  it("keep generated types in codecs, decoders, mappers and controllers", () => {
    const mayUse = (path: string): boolean =>
      /-(codec|decoder|mapper)\.ts$/.test(path) ||
      /^api\/src\/(.*\.controller\.ts|main\.ts|grpc\/.*|cli\/.*)$/.test(path) ||
      path.startsWith(doctorFolder);
    const wrong = violations(
      (file, target) => target.startsWith("proto/src/generated/") && !file.isTest && !mayUse(file.path),
    );
    expect(wrong).toEqual([]);
  });

  it("name adapters only in main, in modules, in deploy/local and in the doctor", () => {
    const mayUse = (path: string): boolean =>
      /(^|\/)main\.ts$|\.module\.ts$/.test(path) ||
      path.startsWith("deploy/local/") ||
      path.startsWith(doctorFolder) ||
      path.includes("/adapters/");
    const wrong = violations(
      (file, target) => target.includes("/adapters/") && !file.isTest && !mayUse(file.path),
    );
    expect(wrong).toEqual([]);
  });

  it("let nothing but specs import specs and fixtures", () => {
    const wrong = violations((file, target) => !file.isTest && /\.spec$|\/testing\//.test(target));
    expect(wrong).toEqual([]);
  });

  it("keep NestJS out of the sensor and of what deploy loads for it", () => {
    const wrong = files
      .filter((file) => file.project === "sensor" || file.project === "proto")
      .flatMap((file) => file.imports.map(({ specifier }) => `${file.path} → ${specifier}`))
      .filter((line) => /→ (@nestjs\/|rxjs|reflect-metadata)/.test(line));
    expect(wrong).toEqual([]);
  });
});
