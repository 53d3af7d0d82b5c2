import { credentials, status } from "@grpc/grpc-js";
import { apiConfigSchema, type ApiDaemonConfig } from "@picket/api/config.js";
import { runApiDaemon } from "@picket/api/main.js";
import { buildEvent } from "@picket/correlator/adapters/memory/incident-fixture.js";
import { ensureStreams } from "@picket/correlator/adapters/nats/ensure-streams.js";
import { NatsIncidentStore } from "@picket/correlator/adapters/nats/nats-incident-store.js";
import { NatsLink } from "@picket/correlator/adapters/nats/nats-link.js";
import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisIncidentState } from "@picket/correlator/adapters/redis/redis-incident-state.js";
import {
  IncidentServiceClient,
  ListIncidentsRequest,
  WatchIncidentsRequest,
} from "@picket/proto/generated/picket/v1/incident.js";
import type { ListIncidentsResponse } from "@picket/proto/generated/picket/v1/incident.js";
import {
  PolicyServiceClient,
  UpdatePolicyRequest,
  type Policy,
} from "@picket/proto/generated/picket/v1/policy.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freePort } from "../servers/free-port.js";
import { startNats, type NatsProcess } from "../servers/nats-server.js";
import { startRedis, type RedisProcess } from "../servers/redis-server.js";
import { collect, result } from "./api-fixture.js";

/** Repeats a call until it succeeds or 15 s are over. */
async function eventually<Value>(act: () => Promise<Value>): Promise<Value> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

describe("the api over NATS and Redis", () => {
  let nats: NatsProcess;
  let redis: RedisProcess;
  let config: ApiDaemonConfig;
  let incidents: IncidentServiceClient;
  let policy: PolicyServiceClient;
  let daemon: Promise<number>;
  const stop = new AbortController();
  beforeAll(async () => {
    [nats, redis] = await Promise.all([startNats(), startRedis()]);
    const listen = `127.0.0.1:${await freePort()}`;
    config = apiConfigSchema.parse({ listen, nats: [nats.url], redis: redis.url, logLevel: "silent" });
    daemon = runApiDaemon(config, stop.signal);
    incidents = new IncidentServiceClient(listen, credentials.createInsecure());
    policy = new PolicyServiceClient(listen, credentials.createInsecure());
    const link = new NatsLink({ urls: [nats.url] }, "test");
    link.start();
    await ensureStreams(await link.ready(), {
      replicas: 1,
      flowsBytesMax: 1 << 24,
      incidentsBytesMax: 1 << 24,
    });
    const connection = new RedisConnection({ url: redis.url });
    connection.start();
    await connection.whenUp(5000);
    const store = new NatsIncidentStore(link, new RedisIncidentState(connection));
    await store.commit([buildEvent(), buildEvent({ id: "00000000000000bb", kind: "campaign" })], 1);
    await store.close();
    await connection.close();
    await link.stop();
  });
  afterAll(async () => {
    incidents.close();
    policy.close();
    stop.abort();
    expect(await daemon).toBe(0);
    await Promise.all([nats.stop(), redis.stop()]);
  });

  const list = (): Promise<ListIncidentsResponse> =>
    result((callback) => incidents.listIncidents(ListIncidentsRequest.create({}), callback));

  it("lists what a correlator committed", async () => {
    const { incidents: listed } = await eventually(list);
    expect(listed.map(({ id }) => id).sort()).toEqual(["00000000000000aa", "00000000000000bb"]);
  });

  it("lets a client watch and resume", async () => {
    const watch = (cursor: string) => incidents.watchIncidents(WatchIncidentsRequest.create({ cursor }));
    const [first] = await eventually(() => collect(watch("0"), 1));
    const [second] = await collect(watch(first.cursor), 1);
    expect(second.event).toMatchObject({ incidentEvent: { incident: { id: "00000000000000bb" } } });
  });

  it("gives a new watcher a heartbeat with the cursor of now", async () => {
    const watch = (cursor: string) => incidents.watchIncidents(WatchIncidentsRequest.create({ cursor }));
    const [heartbeat] = await eventually(() => collect(watch(""), 1, true));
    const [, second] = await collect(watch("0"), 2);
    expect(heartbeat).toMatchObject({ cursor: second.cursor, event: { $case: "heartbeat" } });
  });

  it("changes the policy by its etag", async () => {
    const get = (): Promise<Policy> => result((callback) => policy.getPolicy({}, callback));
    const { etag } = await eventually(get);
    const update = (): Promise<Policy> =>
      result((callback) => {
        const request = UpdatePolicyRequest.create({ policy: { etag, scan: { crowdSourcesMin: 4 } } });
        return policy.updatePolicy(request, callback);
      });
    expect(await update()).toMatchObject({ revision: 1n, scan: { crowdSourcesMin: 4 } });
    await expect(update()).rejects.toMatchObject({ code: status.ABORTED });
    expect((await get()).scan?.crowdSourcesMin).toBe(4);
  });
});

describe("the api without its servers", () => {
  it("serves, says what is away, and stops when told to", async () => {
    const listen = `127.0.0.1:${await freePort()}`;
    const away = { nats: ["nats://127.0.0.1:1"], redis: "redis://127.0.0.1:1" };
    const stop = new AbortController();
    const daemon = runApiDaemon(apiConfigSchema.parse({ listen, ...away, logLevel: "silent" }), stop.signal);
    const client = new PolicyServiceClient(listen, credentials.createInsecure());
    const ready = new Promise<void>((resolve, reject) =>
      client.waitForReady(Date.now() + 30_000, (error) => (error ? reject(error) : resolve())),
    );
    await ready;
    await expect(result((callback) => client.getPolicy({}, callback))).rejects.toMatchObject({
      code: status.UNAVAILABLE,
    });
    client.close();
    stop.abort();
    expect(await daemon).toBe(0);
  });

  it("ends with one line when the credentials are refused", async () => {
    const nats = await startNats({ config: "authorization { user: picket, password: right }" });
    const config = apiConfigSchema.parse({
      listen: "127.0.0.1:0",
      nats: [nats.url],
      natsUser: "picket",
      natsPassword: "wrong",
      redis: "redis://127.0.0.1:1",
      logLevel: "silent",
    });
    await expect(runApiDaemon(config, new AbortController().signal)).rejects.toMatchObject({
      code: "CREDENTIALS_REFUSED",
    });
    await nats.stop();
  });
});
