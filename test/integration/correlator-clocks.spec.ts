import { NatsIncidentStore } from "@picket/correlator/adapters/nats/nats-incident-store.js";
import type { NatsLink } from "@picket/correlator/adapters/nats/nats-link.js";
import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisIncidentState } from "@picket/correlator/adapters/redis/redis-incident-state.js";
import { correlatorConfigSchema } from "@picket/correlator/config.js";
import type { Incident } from "@picket/correlator/incidents/incident.js";
import { runCorrelator } from "@picket/correlator/main.js";
import { encodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { batchBytesMax, Outcome } from "@picket/proto/batch/flow-columns.js";
import { afterEach, expect, it } from "vitest";
import { packFlows } from "../engine/flow-scenario.js";
import { startNats } from "../servers/nats-server.js";
import { startRedis } from "../servers/redis-server.js";
import { connectedLink, publishBatch, testStreams, until } from "./correlator-nats-fixture.js";

const running: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const thing of running.splice(0).reverse()) await thing.stop();
});

/** A source probes two ports of the host whose sensor's clock is `aheadMs` ahead. */
async function probe(link: NatsLink, source: string, host: number, aheadMs: number): Promise<void> {
  const nowMs = Date.now();
  const flows = [22, 23].map((port) => ({
    source,
    destination: `10.1.0.${host}`,
    port,
    timeMs: nowMs - 500 + aheadMs,
    outcome: Outcome.refused,
  }));
  const [{ columns }] = packFlows(flows, `lab-0${host}`, 10);
  columns.epoch.fill(host);
  columns.sequence = aheadMs === 0 ? 1 : 2;
  const bytes = encodeFlowBatch(columns, new Uint8Array(batchBytesMax));
  await publishBatch(link.current(), `lab-0${host}`, bytes, (nowMs + aheadMs) * 1000);
}

it("eight sensors whose clocks are up to an hour apart see one incident, at its own time", async () => {
  const [nats, redis] = await Promise.all([startNats(), startRedis()]);
  running.push(nats, redis);
  const link = await connectedLink(nats.url, "observer");
  const connection = new RedisConnection({ url: redis.url });
  connection.start();
  await connection.whenUp(5000);
  const incidents = new NatsIncidentStore(link, new RedisIncidentState(connection));
  running.push(link, { stop: () => connection.close() }, { stop: () => incidents.close() });
  const stop = new AbortController();
  const { flowsBytesMax, incidentsBytesMax } = testStreams;
  const servers = { nats: [nats.url], redis: redis.url };
  const done = runCorrelator(
    correlatorConfigSchema.parse({ ...servers, flowsBytesMax, incidentsBytesMax, logLevel: "error" }),
    stop.signal,
  );
  running.push({
    stop: () => {
      stop.abort();
      return done;
    },
  });
  const incidentOf = async (source: string): Promise<Incident | undefined> =>
    (await incidents.list({ source })).incidents[0];
  const clocksMs = [0, 150_000, -150_000, 300_000, 3_600_000, -3_600_000, 1500, -86_400_000];
  const startMs = Date.now();
  for (let host = 1; host <= 8; host++) {
    await probe(link, "10.0.0.8", host, 0);
    await probe(link, "10.0.0.9", host, clocksMs[host - 1]);
  }
  for (const source of ["10.0.0.8", "10.0.0.9"])
    await until(
      `${source} is one incident of eight sensors`,
      async () => (await incidentOf(source))?.evidence.length === 8,
    );
  const [right, skewed] = [await incidentOf("10.0.0.8"), await incidentOf("10.0.0.9")];
  expect(skewed).toMatchObject({
    kind: right?.kind,
    severity: right?.severity,
    targets: right?.targets,
    ports: right?.ports,
  });
  expect((await incidents.list({ source: "10.0.0.9", includeInactive: true })).incidents).toHaveLength(1);
  for (const { firstSeenMs, lastSeenMs } of [right, skewed].filter((found) => found !== undefined)) {
    expect(firstSeenMs).toBeGreaterThan(startMs - 4000);
    expect(lastSeenMs).toBeLessThan(Date.now() + 4000);
  }
});
