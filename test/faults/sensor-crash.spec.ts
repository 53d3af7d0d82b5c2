import { afterEach, expect, it } from "vitest";
import { untilReady } from "../servers/until-ready.js";
import { notBuilt } from "./correlator-process.js";
import { startFleet } from "./fleet-under-test.js";
import { StreamReader } from "./stream-reader.js";

if (notBuilt !== undefined) process.stderr.write(`sensor-crash: skipped, ${notBuilt}\n`);

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A sensor writes down that it lives this often. */
const aliveEveryMs = 2000;

it.skipIf(notBuilt !== undefined)(
  "a killed sensor delivers what it had spooled, and says at its next start when it was away",
  async () => {
    const fleet = await startFleet({ sensors: 1, correlators: 1 });
    ends.push(() => fleet.stop());
    const [sensor] = fleet.sensors;
    const acknowledged = (): number => sensor.report?.recordsAcknowledged ?? 0;
    await untilReady("the stream has records", 30_000, () => acknowledged() >= 2000);
    await fleet.nats.kill();
    const before = sensor.report?.recordsEmitted ?? 0;
    await untilReady("records wait", 30_000, () => (sensor.report?.recordsEmitted ?? 0) >= before + 2000);
    const { recordsEmitted = 0, epoch } = sensor.report ?? {};
    const killedUs = Date.now() * 1000;
    await sensor.kill();
    await fleet.nats.restart();
    // Only now: a reader that was there before may take its time to notice that its server was away.
    const reader = new StreamReader();
    ends.push(() => reader.stop());
    await reader.start(fleet.nats.url);
    await sensor.start();
    const startedUs = Date.now() * 1000;
    await untilReady("the gap is stored", 15_000, () => reader.gaps.some(({ reason }) => reason === "crash"));
    const own = (): number =>
      reader.batches.reduce((sum, batch) => sum + (batch.epoch === epoch ? batch.records : 0), 0);
    await untilReady("the spooled records are stored", 15_000, () => own() >= recordsEmitted);
    const crashes = reader.gaps.filter(({ reason }) => reason === "crash");
    expect(crashes).toHaveLength(1);
    expect(Buffer.from(crashes[0].epoch).toString("hex")).toBe(epoch);
    expect(crashes[0].fromUs).toBeLessThanOrEqual(killedUs);
    expect(crashes[0].fromUs).toBeGreaterThan(killedUs - 2 * aliveEveryMs * 1000);
    expect(crashes[0].toUs).toBeGreaterThanOrEqual(killedUs);
    expect(crashes[0].toUs).toBeLessThanOrEqual(startedUs);
  },
  60_000,
);
