import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Incident } from "@picket/correlator/incidents/incident.js";
import { defaultPolicyRevision } from "@picket/correlator/policy/policy.js";
import { analyze } from "@picket/deploy/local/analyze.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { capturesFolder } from "./captures-folder.js";
import { expectedRuns } from "./expected.js";
import { splitCapture } from "./split-capture.js";
import { differenceOf } from "./verdict.js";

const isThere = existsSync(capturesFolder);
const sensors = 8;
/** What a source keeps of contacts: counts above are estimates. */
const contactsExactMax = 1024;

const scans = expectedRuns.filter(
  ({ files, required, miss }) =>
    files[0].startsWith("scan/") && miss === undefined && required[0].kinds.includes("horizontal_scan"),
);

describe.skipIf(!isThere)(`scans of ${capturesFolder} over ${sensors} sensors by target`, () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "picket-split-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each(scans.map((run) => [run.files[0], run] as const))(
    "%s is the same one incident",
    async (name, run) => {
      const path = join(capturesFolder, name);
      const whole = await analyze([{ sensor: "whole", path }], defaultPolicyRevision);
      const scanner = addressWord(run.required[0].sources?.[0] ?? "");
      const split = await analyze(await splitCapture(path, scanner, folder, sensors), defaultPolicyRevision);
      expect(differenceOf(split.incidents, run)).toEqual({ absent: [], unexpected: [], accused: [] });
      const [{ evidence, contactCount }] = split.incidents;
      expect(evidence.length).toBeGreaterThan(1);
      if (contactCount <= contactsExactMax)
        expect(split.incidents.map(terms)).toEqual(whole.incidents.map(terms));
    },
    60_000,
  );
});

/** What may not change with the number of sensors. */
function terms({ id, kind, severity, sources, targets, ports, contactCount, ...times }: Incident): unknown {
  const { firstSeenMs, lastSeenMs } = times;
  return { id, kind, severity, sources, targets, ports, contactCount, firstSeenMs, lastSeenMs };
}

function addressWord(address: string): number {
  return address.split(".").reduce((word, part) => (word << 8) | Number(part), 0);
}
