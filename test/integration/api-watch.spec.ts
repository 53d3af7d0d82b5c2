import { Client, credentials, status } from "@grpc/grpc-js";
import { buildEvent } from "@picket/correlator/adapters/memory/incident-fixture.js";
import { MemoryIncidentStore } from "@picket/correlator/adapters/memory/memory-incident-store.js";
import { IncidentKind, WatchIncidentsRequest } from "@picket/proto/generated/picket/v1/incident.js";
import type { WatchIncidentsResponse } from "@picket/proto/generated/picket/v1/incident.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ApiFixture, collect, until } from "./api-fixture.js";
import { RawWatcher } from "./raw-watcher.js";

const revisionsOf = (responses: readonly WatchIncidentsResponse[]): unknown[] =>
  responses.map(({ event }) =>
    event?.$case === "incidentEvent" ? Number(event.incidentEvent.incident?.revision) : event?.$case,
  );

describe("watching incidents through the api", () => {
  let fixture: ApiFixture;
  beforeEach(async () => {
    fixture = await ApiFixture.start({ heartbeatIntervalMs: 100 });
  });
  afterEach(() => fixture.stop());

  const watch = (request: Parameters<typeof WatchIncidentsRequest.create>[0] = {}) =>
    fixture.incidentClient.watchIncidents(WatchIncidentsRequest.create(request));
  const commit = async (...revisions: number[]): Promise<void> => {
    for (const revision of revisions) await fixture.incidents.commit([buildEvent({ revision })], 1);
  };

  it("delivers everything retained from cursor 0, then what comes", async () => {
    await commit(1, 2);
    const responses = collect(watch({ cursor: "0" }), 4);
    await commit(3, 4);
    expect(revisionsOf(await responses)).toEqual([1, 2, 3, 4]);
  });

  it("resumes right after the cursor of any response", async () => {
    await commit(1, 2, 3, 4);
    const [first, second] = await collect(watch({ cursor: "0" }), 2);
    expect(revisionsOf(await collect(watch({ cursor: second.cursor }), 2))).toEqual([3, 4]);
    expect(revisionsOf(await collect(watch({ cursor: first.cursor }), 1))).toEqual([2]);
  });

  it("gives a new watcher a heartbeat whose cursor misses nothing that follows", async () => {
    await commit(1);
    const [heartbeat] = await collect(watch(), 1, true);
    expect(heartbeat.event?.$case).toBe("heartbeat");
    await commit(2);
    expect(revisionsOf(await collect(watch({ cursor: heartbeat.cursor }), 1))).toEqual([2]);
  });

  it("keeps the cursor of heartbeats up to date while everything is filtered out", async () => {
    const stream = watch({ cursor: "0", filter: { kinds: [IncidentKind.INCIDENT_KIND_BEACON] } });
    await commit(1, 2, 3);
    let last = "";
    for await (const { event, cursor } of stream) {
      expect(event?.$case).toBe("heartbeat");
      last = cursor;
      if (cursor.endsWith(".3")) break;
    }
    await commit(4);
    expect(revisionsOf(await collect(watch({ cursor: last }), 1))).toEqual([4]);
  });

  it("tells the ending of an incident without being asked for inactive ones", async () => {
    await fixture.incidents.commit([buildEvent({ state: "retracted" }, "retracted")], 1);
    expect(await collect(watch({ cursor: "0" }), 1)).toHaveLength(1);
  });

  it.each(["nonsense", "-5", "1"])("refuses the cursor %s", async (cursor) => {
    await expect(collect(watch({ cursor }), 1)).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining("cursor:"),
    });
  });

  it("never queues for a stalled watcher, which is told the gap, and slows no other", async () => {
    const stalled = new RawWatcher(fixture.api.address, { cursor: "0" });
    const other = watch({ cursor: "0" });
    const fast: unknown[] = [];
    other.on("data", (response: WatchIncidentsResponse) => {
      if (response.event?.$case !== "heartbeat") fast.push(...revisionsOf([response]));
    });
    other.on("error", () => undefined);
    const samples = Array.from({ length: 60 }, () => buildEvent().incident.samples[0]);
    for (let revision = 1; revision <= 3000; revision++) {
      await fixture.incidents.commit([buildEvent({ revision, samples })], 1);
      if (revision % 50 === 0) await until(() => fast.length === revision, `revision ${revision}`);
    }
    expect(fast).toEqual(Array.from({ length: 3000 }, (_, i) => i + 1));
    other.cancel();

    const seen: unknown[] = [];
    let missed = 0;
    for await (const response of stalled.read()) {
      if (response.event?.$case === "gap") missed += Number(response.event.gap.missedEvents);
      if (response.event?.$case === "incidentEvent") seen.push(...revisionsOf([response]));
      if (seen.at(-1) === 3000) break;
    }
    stalled.close();
    // The log keeps 500 events: what lay in the stream's window is seen, what is no longer kept is told.
    expect(missed).toBeGreaterThan(2000);
    expect(seen.length + missed).toBe(3000);
  });

  it("ends with UNAVAILABLE and a usable cursor when the server stops", async () => {
    await commit(1);
    const responses: WatchIncidentsResponse[] = [];
    const end = new Promise<unknown>((resolve) => {
      const stream = watch({ cursor: "0" });
      stream.on("data", (response: WatchIncidentsResponse) => responses.push(response));
      stream.on("error", resolve);
      stream.on("end", () => resolve(undefined));
    });
    await until(() => responses.length > 0, "the first response");
    await fixture.api.stop();
    expect(await end).toMatchObject({ code: status.UNAVAILABLE });
  });

  it("lets go of the store when the client cancels", async () => {
    let open = 0;
    class CountingStore extends MemoryIncidentStore {
      override async *watch(cursor: string, signal: AbortSignal) {
        open++;
        try {
          yield* super.watch(cursor, signal);
        } finally {
          open--;
        }
      }
    }
    const counted = await ApiFixture.start({}, new CountingStore());
    const streams = [1, 2, 3].map(() =>
      counted.incidentClient.watchIncidents(WatchIncidentsRequest.create({})),
    );
    for (const stream of streams) stream.on("error", () => undefined);
    for (const stream of streams) stream.resume();
    await until(() => open === 3, "three watches of the store");
    for (const stream of streams) stream.cancel();
    await until(() => open === 0, "the watches of the store to end");
    await counted.stop();
  });

  it("refuses more watchers than its limit, and takes a new one when one left", async () => {
    const small = await ApiFixture.start({ watchersMax: 1 });
    const request = WatchIncidentsRequest.create({});
    const first = small.incidentClient.watchIncidents(request);
    first.on("error", () => undefined);
    await new Promise((resolve) => first.once("data", resolve));
    await expect(collect(small.incidentClient.watchIncidents(request), 1, true)).rejects.toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
    });
    first.cancel();
    const tryAgain = (): Promise<number> =>
      collect(small.incidentClient.watchIncidents(request), 1, true).then(
        (responses) => responses.length,
        () => tryAgain(),
      );
    expect(await tryAgain()).toBe(1);
    await small.stop();
  });
});

/** Calls a method by its path with bytes in and bytes out. */
function rawUnary(client: Client, path: string, request: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const same = (bytes: Buffer): Buffer => bytes;
    client.makeUnaryRequest(path, same, same, request, (error, response) => {
      if (error !== null || response === undefined) reject(error);
      else resolve(response);
    });
  });
}

describe("the standard services of the api", () => {
  let fixture: ApiFixture;
  let client: Client;
  beforeEach(async () => {
    fixture = await ApiFixture.start();
    client = new Client(fixture.api.address, credentials.createInsecure());
  });
  afterEach(async () => {
    client.close();
    await fixture.stop();
  });

  it("answer that every service is healthy", async () => {
    for (const name of [
      "",
      "picket.v1.IncidentService",
      "picket.v1.SensorService",
      "picket.v1.PolicyService",
      "picket.v1.HostService",
    ]) {
      const request = Buffer.concat([Buffer.from([0x0a, name.length]), Buffer.from(name)]);
      // HealthCheckResponse { status: SERVING }.
      expect([...(await rawUnary(client, "/grpc.health.v1.Health/Check", request))]).toEqual([0x08, 1]);
    }
  });

  it.each(["v1", "v1alpha"])("list the services and describe them by reflection %s", async (version) => {
    const same = (bytes: Buffer): Buffer => bytes;
    const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
    const call = client.makeBidiStreamRequest(path, same, same);
    const symbol = "picket.v1.IncidentService";
    // ServerReflectionRequest { list_services: "*" } and { file_containing_symbol: symbol }.
    call.write(Buffer.from([0x3a, 1, 0x2a]));
    call.write(Buffer.concat([Buffer.from([0x22, symbol.length]), Buffer.from(symbol)]));
    call.end();
    const answers: string[] = [];
    for await (const answer of call) answers.push(Buffer.from(answer).toString("latin1"));
    expect(answers[0]).toContain("picket.v1.IncidentService");
    expect(answers[0]).toContain("picket.v1.PolicyService");
    expect(answers[0]).toContain("picket.v1.SensorService");
    expect(answers[1]).toContain("WatchIncidents");
  });
});
