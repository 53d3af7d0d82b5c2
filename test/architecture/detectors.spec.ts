import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { policySettings } from "@picket/api/cli/policy-settings.js";
import { factDetectors } from "@picket/correlator/detectors/fact-detectors.js";
import { incidentKinds } from "@picket/correlator/incidents/incident.js";
import { describe, expect, it } from "vitest";
import { rootFolder } from "./source-files.js";

const detectorsFolder = "correlator/src/detectors";
/** Scans and bursts have one test of thresholds and one of scenarios for all of them, through the engine. */
const engineSpecs = ["test/engine/thresholds.spec.ts", "test/engine/scan-scenarios.spec.ts"];

const page = readFileSync(join(rootFolder, "docs/detectors.md"), "utf8");
/** Cells of each row: kinds and files, what it sees, settings, false positives, triage. */
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
const factKinds = new Set(factDetectors.flatMap(({ kinds }) => kinds));

describe("every detector", () => {
  it.each(incidentKinds.map((kind) => [kind]))("of %s has a whole row in docs/detectors.md", (kind) => {
    const own = rows.filter(([kinds]) => kinds.includes(`\`${kind}\``));
    expect(own.length).toBeGreaterThan(0);
    for (const cells of own) {
      expect(cells).toHaveLength(5);
      expect(cells.every((cell) => cell !== "")).toBe(true);
      expect(cells[4]).toMatch(/1\. .+ 2\. .+ 3\. /);
    }
  });

  it.each(incidentKinds.map((kind) => [kind]))("of %s is where its row says, with a test", (kind) => {
    const files = rows
      .filter(([kinds]) => kinds.includes(`\`${kind}\``))
      .flatMap(([kinds]) => [...kinds.matchAll(/`([a-z-]+)\.ts`/g)].map(([, name]) => name));
    expect(files.length).toBeGreaterThan(0);
    for (const name of files) {
      const folder = exists(`${detectorsFolder}/${name}.ts`) ? detectorsFolder : "correlator/src/incidents";
      expect(exists(`${folder}/${name}.ts`), name).toBe(true);
    }
  });

  it.each([...factKinds].map((kind) => [kind]))("of %s has golden scenarios", (kind) => {
    expect(exists(`test/golden/${kind.replaceAll("_", "-")}.spec.ts`)).toBe(true);
  });

  it("on facts has a file of its own, a spec beside it and a kind of fact that nobody else has", () => {
    const list = readFileSync(join(rootFolder, detectorsFolder, "fact-detectors.ts"), "utf8");
    const files = [...list.matchAll(/from "\.\/([a-z-]+)\.js"/g)]
      .map(([, name]) => name)
      .filter((name) => name !== "fact-detector");
    expect(files.length).toBe(factDetectors.length);
    const without = files.filter((name) => !exists(`${detectorsFolder}/${name}.spec.ts`));
    expect(without).toEqual([]);
    const undocumented = files.filter((name) => !rows.some(([kinds]) => kinds.includes(`\`${name}.ts\``)));
    expect(undocumented).toEqual([]);
    const ids = factDetectors.map(({ facts }) => facts.id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("that reads contacts is tested through the engine", () => {
    expect(engineSpecs.filter((path) => !exists(path))).toEqual([]);
  });

  it("names settings that the policy has", () => {
    const known = new Set(policySettings.map(({ name }) => name));
    const named = rows.flatMap(([, , settings]) =>
      [...settings.matchAll(/`([a-z]+\.[A-Za-z0-9]+)`/g)].map(([, name]) => name),
    );
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });
});

function exists(path: string): boolean {
  return existsSync(join(rootFolder, path));
}
