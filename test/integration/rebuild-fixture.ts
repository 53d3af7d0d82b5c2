import { randomBytes } from "node:crypto";
import { MemorySensorRegistry } from "@picket/correlator/adapters/memory/memory-sensor-registry.js";
import { NatsCheckpointLog } from "@picket/correlator/adapters/nats/nats-checkpoint-log.js";
import { NatsFlowHistory } from "@picket/correlator/adapters/nats/nats-flow-history.js";
import { NatsFlowSource } from "@picket/correlator/adapters/nats/nats-flow-source.js";
import { NatsIncidentStore } from "@picket/correlator/adapters/nats/nats-incident-store.js";
import type { NatsLink } from "@picket/correlator/adapters/nats/nats-link.js";
import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisFindingBoard } from "@picket/correlator/adapters/redis/redis-finding-board.js";
import { RedisIncidentState } from "@picket/correlator/adapters/redis/redis-incident-state.js";
import { RedisLeases } from "@picket/correlator/adapters/redis/redis-leases.js";
import { RedisRebuildLedger } from "@picket/correlator/adapters/redis/redis-rebuild-ledger.js";
import { RedisSlowState } from "@picket/correlator/adapters/redis/redis-slow-state.js";
import { RedisWindowStore } from "@picket/correlator/adapters/redis/redis-window-store.js";
import { Correlator } from "@picket/correlator/pipeline.js";
import { Checkpoints } from "@picket/correlator/rebuild/checkpoints.js";
import { Rebuilder, type RebuilderOptions } from "@picket/correlator/rebuild/rebuilder.js";
import { until } from "./correlator-nats-fixture.js";

/** A correlator of real parts in this process, with the rebuild; only the sensors are its own. */
export interface RebuildingCorrelator {
  readonly incidents: NatsIncidentStore;
  readonly windows: RedisWindowStore;
  readonly connection: RedisConnection;
  readonly ledger: RedisRebuildLedger;
  readonly rebuilder: Rebuilder;
  readonly checkpoints: Checkpoints;
  readonly history: NatsFlowHistory;
  /** What the rebuilder said. */
  readonly lines: string[];
  isReady(): Promise<boolean>;
  stop(): Promise<void>;
}

/** @param options of the rebuild that differ from the shipped ones */
export async function startRebuilding(
  link: NatsLink,
  redisUrl: string,
  options: Partial<RebuilderOptions> = {},
): Promise<RebuildingCorrelator> {
  const connection = new RedisConnection({ url: redisUrl, reconnectDelayMsMax: 200 });
  connection.start();
  await connection.whenUp(5000);
  const windows = new RedisWindowStore(connection);
  const [board, leases] = [new RedisFindingBoard(connection), new RedisLeases(connection)];
  const incidents = new NatsIncidentStore(link, new RedisIncidentState(connection));
  const ledger = new RedisRebuildLedger(connection);
  const correlator = new Correlator(
    { windows, board, leases, incidents, sensors: new MemorySensorRegistry(), rebuild: ledger },
    { owner: randomBytes(4).toString("hex") },
  );
  const lines: string[] = [];
  const history = new NatsFlowHistory(link);
  const state = new RedisSlowState(connection, windows);
  const checkpoints = new Checkpoints(
    { ledger, history, state, log: new NatsCheckpointLog(link) },
    { everyMs: 3_600_000, newId: () => randomBytes(8).toString("hex") },
  );
  const rebuilder = new Rebuilder(
    { ledger, leases, checkpoints, history, replayer: () => correlator.replayer() },
    {
      newGeneration: () => randomBytes(8).toString("hex"),
      onChange: (line) => lines.push(`${new Date().toISOString().slice(17)} ${line}`),
      onFailure: (error) => lines.push(String(error.stack)),
      ...options,
    },
  );
  const source = new NatsFlowSource(link, { accounts: new MemorySensorRegistry() });
  const running = source.run(async (deliveries) => {
    try {
      await correlator.applyDeliveries(deliveries, Date.now());
      for (const delivery of deliveries) delivery.acknowledge();
    } catch {
      for (const delivery of deliveries) delivery.retry();
    }
  });
  let isStopped = false;
  const tick = async (): Promise<void> => {
    if (isStopped) return;
    await source
      .acknowledgedUntilMs()
      .then((untilMs) => correlator.tick(untilMs - 2000, Date.now()))
      .catch(() => {});
    timer = setTimeout(() => (ticking = tick()), 100);
  };
  let timer: NodeJS.Timeout | undefined;
  let ticking = tick();
  void rebuilder.start();
  const isReady = async (): Promise<boolean> => (await ledger.phase()) === "ready";
  await until("the windows are complete", isReady, 120_000);
  return {
    incidents,
    windows,
    connection,
    ledger,
    rebuilder,
    checkpoints,
    history,
    lines,
    isReady,
    stop: async () => {
      isStopped = true;
      clearTimeout(timer);
      await Promise.all([rebuilder.stop(), source.stop(), running, ticking]);
      clearTimeout(timer);
      await incidents.close();
      await connection.close();
    },
  };
}
