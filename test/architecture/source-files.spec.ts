import { describe, expect, it } from "vitest";
import { importsOf, isTestPath, readSourceFiles, withoutComments, withoutStrings } from "./source-files.js";

describe("source scanner", () => {
  it("drops comments but not strings that look like them", () => {
    expect(withoutComments('a; // x\nb("http://c"); /* d\n */ e;')).toBe('a;  \nb("http://c");   e;');
  });

  it("empties strings", () => {
    expect(withoutStrings("say(\"Date.now\", 'any');")).toBe('say("", "");');
  });

  it("finds static, re-exported, bare and lazy imports", () => {
    const text = `import { a } from "./a.js";
      import type { B } from "../b/b.js";
      export * from "@picket/proto/batch/c.js";
      import "reflect-metadata";
      const d = await import("@picket/deploy/local/d.js");`;
    expect(
      importsOf("sensor/src/export/file.ts", text).map(({ target, specifier }) => target ?? specifier),
    ).toEqual([
      "sensor/src/export/a",
      "sensor/src/b/b",
      "proto/src/batch/c",
      "reflect-metadata",
      "deploy/local/d",
    ]);
  });

  it("reads every project", () => {
    const files = readSourceFiles();
    expect(new Set(files.map((file) => file.project))).toEqual(
      new Set(["proto", "sensor", "correlator", "api", "deploy", "test"]),
    );
    expect(isTestPath("sensor/src/decode/decode-frame.spec.ts")).toBe(true);
  });
});
