import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { pcapFile } from "@picket/sensor/capture/testing/capture-builder.js";
import { EtherType, ethernet, ipv4, tcp } from "@picket/sensor/decode/testing/frame-builder.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { meterFiles } from "./meter-files.js";

const contacts = 70_000;
const startSeconds = 1_700_000_000;

describe("capture files as inputs", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "picket-open-inputs-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("has room for more live flows than a live sensor", async () => {
    const path = join(folder, "flood.pcap");
    await writeFile(path, pcapFile(Array.from({ length: contacts }, (_, i) => contactFrom(i))));
    const [{ counters }] = await meterFiles([{ sensor: "flood", path }]);
    expect(counters).toMatchObject({
      metering_flows_opened: contacts,
      metering_outcomes_ignored: contacts,
      metering_emergency_entered: 0,
    });
  });
});

/** A SYN of another source each time, all within a second. */
function contactFrom(i: number): { seconds: number; bytes: Uint8Array } {
  const source = `172.${16 + (i >>> 16)}.${(i >>> 8) & 255}.${i & 255}`;
  const packet = ipv4({ source, destination: "10.0.0.1" }, tcp({ flags: 2, destinationPort: 443 }));
  return { seconds: startSeconds, bytes: ethernet(EtherType.ipv4, packet) };
}
