import { describe, expect, it } from "vitest";
import { readSourceFiles } from "./source-files.js";

const pureFolder =
  /^(sensor\/src\/(decode|metering|notes)\/|correlator\/src\/(flows|windows|detectors|incidents|policy|profiles)\/|(sensor|correlator)\/src\/pipeline\.ts$)/;

const files = readSourceFiles().filter((file) => pureFolder.test(file.path) && !file.isTest);

/** Modules of Node that compute and nothing else. */
const pureModules = new Set(["node:util", "node:assert", "node:buffer"]);

/** Functions of node:crypto that give the same answer every time. */
const pureCryptoImport = /import \{ ?((createHash|createHmac|timingSafeEqual),? ?)+\} from "";/;

/** Packages that talk to something, keep state of a process, or are a framework. */
const impurePackage =
  /^(@nestjs\/|@nats-io\/|@grpc\/|redis$|rxjs|reflect-metadata|pino|prom-client|cap$|commander|cli-)/;

const impureNames =
  /\b(Date\.now|Math\.random|performance\.now|process\.[a-z]\w*|setTimeout|setInterval|setImmediate|queueMicrotask|fetch|console\.\w+|crypto\.\w+|randomUUID|randomBytes)\b|\bnew Date\(\s*\)/g;

describe("pure folders", () => {
  it("exist", () => {
    expect(files.length).toBeGreaterThan(10);
  });

  it("import no I/O, no framework and no generated types", () => {
    const wrong = files.flatMap((file) =>
      file.imports
        .filter(({ specifier, target }) => isImpure(specifier, target, file.code))
        .map(({ specifier }) => `${file.path} → ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });

  it("know no clock, no randomness, no timer, no process and no console", () => {
    const wrong = files.flatMap((file) =>
      (file.code.match(impureNames) ?? []).map((name) => `${file.path}: ${name}`),
    );
    expect(wrong).toEqual([]);
  });
});

function isImpure(specifier: string, target: string | undefined, code: string): boolean {
  if (target !== undefined) return target.startsWith("proto/src/generated/") || target.includes("/adapters/");
  if (specifier === "node:crypto") return !pureCryptoImport.test(code);
  if (specifier.startsWith("node:")) return !pureModules.has(specifier);
  return impurePackage.test(specifier);
}
