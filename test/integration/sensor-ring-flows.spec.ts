import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { decodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { LiveMeter } from "@picket/sensor/capture/live-meter.js";
import type { CaptureBackend } from "@picket/sensor/capture/live-settings.js";
import { withBatchIdentity } from "@picket/sensor/export/batch-identity.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeCaptureFile } from "../scenarios/capture-file.js";
import { missingRing } from "./ring-available.js";
import { Cable, temporaryFolder, waitUntil } from "./sensor-harness.js";

if (missingRing !== undefined) process.stderr.write(`sensor-ring-flows: skipped, ${missingRing}\n`);

const packets = 8000;
const flows = 500;
/** Packets a second, until npm cap holds one: on a busy machine it loses some at any. */
const rates = [4000, 2000, 2000, 1000, 1000];
/** Generated addresses; what the interface itself sends is none of them. */
const filter = "tcp or udp port 53";

/** A live meter and the sums of every flow it reported. */
class Metered {
  readonly meter: LiveMeter;
  readonly warnings: string[] = [];
  /** "source destination source-port destination-port protocol" to packets, bytes and outcome. */
  readonly sums = new Map<string, string>();
  readonly #counts = new Map<string, number[]>();
  readonly #columns = new FlowColumns();
  readonly #epoch = randomBytes(16);

  constructor(device: string, capture: CaptureBackend) {
    const events = {
      onBatch: ({ bytes }: { readonly bytes: Uint8Array }) => this.#take(bytes),
      onWarning: (line: string) => void this.warnings.push(line),
    };
    this.meter = new LiveMeter({ interface: device, capture, filter, promiscuous: true }, events);
    this.meter.start();
  }

  async stop(): Promise<void> {
    await this.meter.stop();
    for (const [key, counts] of this.#counts) this.sums.set(key, counts.join(" "));
  }

  #take(bytes: Uint8Array): void {
    const columns = this.#columns;
    expect(decodeFlowBatch(withBatchIdentity(bytes, this.#epoch, 1), columns)).toBeUndefined();
    for (let i = 0; i < columns.length; i++) {
      const key = keyOf(columns, i);
      const counts = this.#counts.get(key) ?? [0, 0, 0, 0, 0];
      counts[0] += columns.forwardPackets[i];
      counts[1] += columns.reversePackets[i];
      counts[2] += columns.forwardBytes[i];
      counts[3] += columns.reverseBytes[i];
      counts[4] = Math.max(counts[4], columns.outcome[i]);
      this.#counts.set(key, counts);
    }
  }
}

function keyOf(columns: FlowColumns, i: number): string {
  const address = (index: number) => columns.addressWords.subarray(index * 4, index * 4 + 4).join(".");
  return [
    address(columns.sourceIndex[i]),
    address(columns.destinationIndex[i]),
    columns.sourcePort[i],
    columns.destinationPort[i],
    columns.protocol[i],
  ].join(" ");
}

describe.skipIf(missingRing !== undefined)("the ring and npm cap", () => {
  const cable = new Cable();
  const folder = temporaryFolder();
  const file = join(folder.path, "traffic.pcap");

  beforeAll(() => {
    cable.up();
    writeCaptureFile(file, { packets, flows });
  });

  afterAll(() => {
    cable.down();
    folder.remove();
  });

  /** Replays to both; false when npm cap, which does not say so, lost packets. */
  async function replayed(metered: readonly Metered[], packetsPerSecond: number): Promise<boolean> {
    const taken = () => metered.map(({ meter }) => meter.counters["metering_packets"] ?? 0);
    await waitUntil("both meters run", () => metered.every(({ meter }) => meter.state.kind === "running"));
    // Frames above the cable's MTU do not go out.
    const sent = cable.replay(file, ["-K", `--pps=${packetsPerSecond}`]);
    expect(sent).toBeGreaterThan(packets / 2);
    await waitUntil("the ring has every packet", () => taken()[0] === sent);
    await Promise.all(metered.map((each) => each.stop()));
    expect(taken()[0]).toBe(sent);
    return taken()[1] === sent;
  }

  it("give the same flows for the same traffic", { timeout: 120_000 }, async () => {
    for (const packetsPerSecond of rates) {
      const metered = [new Metered(cable.near, "ring"), new Metered(cable.near, "cap")];
      const [ring, cap] = metered;
      try {
        if (!(await replayed(metered, packetsPerSecond))) continue;
        expect([ring.meter.backend, cap.meter.backend]).toEqual(["ring", "cap"]);
        expect(ring.meter.counters).toMatchObject({ packets_dropped_kernel: 0, ring_records_corrupt: 0 });
        expect(cap.meter.counters).not.toHaveProperty("packets_dropped_kernel");
        expect(ring.sums.size).toBe(flows);
        expect(Object.fromEntries(ring.sums)).toEqual(Object.fromEntries(cap.sums));
        expect(metered.flatMap(({ warnings }) => warnings)).toEqual([]);
        return;
      } finally {
        await Promise.all(metered.map(({ meter }) => meter.stop()));
      }
    }
    expect.fail(`npm cap lost packets at ${rates.at(-1)} packets/s`);
  });
});
