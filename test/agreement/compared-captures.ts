import { join } from "node:path";
import { capturesFolder, filesBelow } from "../captures/captures-folder.js";
import { writeCaptureFile } from "../scenarios/capture-file.js";
import { writeOddCapture } from "./odd-capture.js";

/** A capture that meters are compared on. */
export interface ComparedCapture {
  readonly name: string;
  readonly path: string;
}

/** Writes the captures that are always there: ordinary traffic, and everything odd. */
export function writeGeneratedCaptures(folder: string): ComparedCapture[] {
  const [ordinary, odd] = [join(folder, "ordinary.pcap"), join(folder, "odd.pcap")];
  writeCaptureFile(ordinary, { seed: 7, packets: 20_000, flows: 1500, packetGapMeanUs: 2500 });
  writeOddCapture(odd);
  return [
    { name: "generated, ordinary", path: ordinary },
    { name: "generated, odd", path: odd },
  ];
}

/** The real captures; none where they are not at hand. */
export function realCaptures(): ComparedCapture[] {
  return filesBelow(capturesFolder)
    .filter((name) => /\.(pcap|pcapng|cap)(\.gz)?$/.test(name))
    .map((name) => ({ name, path: join(capturesFolder, name) }));
}
