import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { pcapFile } from "@picket/sensor/capture/testing/capture-builder.js";
import { EtherType, ethernet, ipv4, tcp } from "@picket/sensor/decode/testing/frame-builder.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { CaptureInput } from "./capture-input.js";

const startSeconds = 1_700_000_000;
const silenceSeconds = 3600;

describe("a capture file as input", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "picket-capture-input-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("hands over what began long before the time it is settled at", async () => {
    const path = join(folder, "quiet.pcap");
    await writeFile(path, pcapFile([synAt(0), synAt(silenceSeconds)]));
    const startsUs: number[] = [];
    const input = await CaptureInput.open({ sensor: "quiet", path }, {}, (_, columns) => {
      startsUs.push(...columns.startUs.subarray(0, columns.length));
    });
    await input.next();
    expect(input.settledUs).toBe((startSeconds + silenceSeconds) * 1e6);
    expect(startsUs).toEqual([startSeconds * 1e6]);
    await input.close();
  });
});

/** A SYN to another host each time, so many seconds after the start. */
function synAt(seconds: number): { seconds: number; bytes: Uint8Array } {
  const destination = seconds === 0 ? "10.0.1.1" : "10.0.1.2";
  const packet = ipv4({ destination }, tcp({ flags: 2, destinationPort: 22 }));
  return { seconds: startSeconds + seconds, bytes: ethernet(EtherType.ipv4, packet) };
}
