import { Application } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { seededRandom } from "@picket/proto/batch/testing/seeded-random.js";
import { slowBeacon } from "./slow-beacon.js";
import { permuted, runDetector, runStartMs, type RunFlow } from "./testing/fact-run.js";

const minuteMs = 60_000;

function contacts(
  count: number,
  gapMinutes: number | ((index: number) => number),
  details: Partial<RunFlow> = {},
): RunFlow[] {
  let minutes = 1;
  return Array.from({ length: count }, (_, index) => {
    if (index > 0) minutes += typeof gapMinutes === "number" ? gapMinutes : gapMinutes(index);
    return {
      source: "10.0.0.7",
      destination: "203.0.113.9",
      port: 8765,
      timeMs: Math.round(runStartMs + minutes * minuteMs),
      sourcePort: 40_000 + index,
      forwardBytes: 500,
      ...details,
    };
  });
}

describe("slow beacons", () => {
  it.each([
    [9, false],
    [10, true],
    [11, true],
  ])("%i hourly contacts around the limit of 10: %s", async (count, isFound) => {
    expect((await runDetector(slowBeacon, contacts(count, 60))).length > 0).toBe(isFound);
  });

  it.each([
    [11, false],
    [24, true],
  ])("%i contacts with a jitter of 0.3 are enough: %s", async (count, isFound) => {
    const unsteady = contacts(count, (index) => 60 * (0.7 + 0.6 * ((index * 0.618_033_988_749) % 1)));
    expect((await runDetector(slowBeacon, unsteady)).length > 0).toBe(isFound);
  });

  it("says nothing of hundreds of hosts that visit places at random", async () => {
    const random = seededRandom(3);
    const flows = Array.from({ length: 400 }, (_, pair) =>
      contacts(30, () => -45 * Math.log(1 - random()), {
        source: `10.0.${pair >> 8}.${pair & 0xff}`,
        destination: `203.0.113.${pair % 250}`,
      }),
    ).flat();
    expect(await runDetector(slowBeacon, flows)).toEqual([]);
  });

  it("names host and service as the fast ones do", async () => {
    const findings = await runDetector(slowBeacon, contacts(20, 60));
    expect(findings.at(-1)).toMatchObject({
      kind: "beacon",
      primaryKey: "203.0.113.9 tcp/8765",
      sources: ["10.0.0.7"],
      severity: "medium",
    });
  });

  it("finds TLS that names no server", async () => {
    const nameless = contacts(24, 30, { port: 443, application: Application.tls });
    expect((await runDetector(slowBeacon, nameless)).length).toBeGreaterThan(0);
  });

  it.each([
    [
      "hourly update checks of a named server",
      contacts(20, 60, { port: 443, application: Application.tls, name: "updates.example.com" }),
    ],
    ["hourly contacts with the web", contacts(20, 60, { port: 80, application: Application.http })],
    ["contacts at all times", contacts(1000, 1)],
    ["contacts by chance", contacts(24, (index) => -60 * Math.log(1 - ((index * 0.618_033_988_749) % 1)))],
    ["backups of inside hosts", contacts(20, 60, { destination: "10.0.0.9" })],
  ])("says nothing of %s", async (_, flows) => {
    expect(await runDetector(slowBeacon, flows)).toEqual([]);
  });

  it("is the same in any order and twice", async () => {
    const flows = contacts(20, 60);
    const once = await runDetector(slowBeacon, flows);
    expect(await runDetector(slowBeacon, permuted([...flows, ...flows]))).toEqual(once);
  });
});
