import { basename } from "node:path";

import { PicketError } from "@picket/proto/picket-error.js";

import type { InputFile } from "./flow-input.js";

const nameLengthMax = 64;

/**
 * Files with the sensor each stands for: `NAME=FILE` as given, else named after
 * the file. Throws PicketError INVALID_ARGUMENT for a bad or repeated name.
 */
export function inputFiles(named: readonly string[], files: readonly string[]): InputFile[] {
  const inputs = named.map(parseNamed);
  const taken = new Set<string>();
  for (const input of inputs) {
    if (taken.has(input.sensor)) {
      throw new PicketError("INVALID_ARGUMENT", `--sensor: the name ${input.sensor} is given twice`);
    }
    taken.add(input.sensor);
  }
  for (const path of files) inputs.push({ sensor: freeName(nameOf(path), taken), path });
  return inputs;
}

function parseNamed(text: string): InputFile {
  const at = text.indexOf("=");
  const sensor = text.slice(0, Math.max(at, 0));
  const path = text.slice(at + 1);
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(sensor) || path === "") {
    throw new PicketError(
      "INVALID_ARGUMENT",
      `--sensor: "${text}" is not NAME=FILE with a name of 1 to ${nameLengthMax} letters, digits, "-" or "_"`,
    );
  }
  return { sensor, path };
}

/** "/tmp/web 1.pcap.gz" is the sensor "web-1". */
function nameOf(path: string): string {
  const stem = basename(path).replace(/(\.(pcapng|pcap|cap|dmp|log|json|gz))+$/i, "");
  const name = stem.replace(/[^A-Za-z0-9_-]+/g, "-").replace(/^-+|-+$/g, "");
  return name.slice(0, nameLengthMax) || "stdin";
}

function freeName(name: string, taken: Set<string>): string {
  let free = name;
  for (let n = 2; taken.has(free); n++) free = `${name.slice(0, nameLengthMax - 6)}-${n}`;
  taken.add(free);
  return free;
}
