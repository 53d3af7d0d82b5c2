import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { severities } from "@picket/correlator/incidents/incident.js";
import { defaultPolicyRevision } from "@picket/correlator/policy/policy.js";
import type { Analysis } from "@picket/deploy/local/analyze.js";
import { analyze } from "@picket/deploy/local/analyze.js";
import { PicketError } from "@picket/proto/picket-error.js";
import { decodeResultNames } from "@picket/sensor/decode/decoded-packet.js";
import { describe, expect, it } from "vitest";
import { filesBelow, malformedFolder } from "./captures-folder.js";

const isThere = existsSync(malformedFolder);
if (!isThere) process.stderr.write(`no files in ${malformedFolder} (PICKET_MALFORMED): not checked\n`);

const folders = isThere
  ? readdirSync(malformedFolder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  : [];

describe.skipIf(!isThere)(`malformed captures in ${malformedFolder}`, () => {
  it.each(folders.map(({ name }) => name))(
    "%s: every packet is counted, nothing is above low, only a container can be refused",
    async (name) => {
      const paths = filesBelow(join(malformedFolder, name)).map((path) => join(malformedFolder, name, path));
      const faults: string[] = [];
      for (const path of paths) faults.push(...(await faultsOf(path)));
      expect(paths.length).toBeGreaterThan(0);
      expect(faults).toEqual([]);
    },
    180_000,
  );
});

/** What is wrong with the analysis of a file; a container that cannot be read is named and is no fault. */
async function faultsOf(path: string): Promise<string[]> {
  try {
    return analysisFaults(path, await analyze([{ sensor: "malformed", path }], defaultPolicyRevision));
  } catch (error) {
    const isRefusal = error instanceof PicketError && error.message.includes(path);
    return isRefusal ? [] : [`${path}: ${String(error)}`];
  }
}

function analysisFaults(path: string, { incidents, inputs }: Analysis): string[] {
  const faults = incidents
    .filter(({ severity }) => severities.indexOf(severity) > severities.indexOf("low"))
    .map(({ severity, summary }) => `${path}: ${severity} incident: ${summary}`);
  const [{ counters }] = inputs;
  const decoded = decodeResultNames.reduce((sum, name) => sum + counters[`packets_${name}`], 0);
  if (decoded !== counters["packets_received"])
    faults.push(`${path}: ${counters["packets_received"]} packets received, ${decoded} decoded or refused`);
  return faults;
}
