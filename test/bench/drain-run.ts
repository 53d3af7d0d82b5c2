import { spawn, type ChildProcess } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/transport-node";
import type { NatsProcess } from "../servers/nats-server.js";
import type { RedisProcess } from "../servers/redis-server.js";
import { drainProgress } from "./drain-stream.js";
import { cpuSecondsOf } from "./process-cpu.js";

const startMaxMs = 20_000;
const drainMaxMs = 600_000;
const firstPollMs = 5;
const pollMs = 50;
const logCharsMax = 4096;
/** The servers a drain runs against, with the connection that watches it. */
export interface DrainServers {
  readonly nats: NatsProcess;
  readonly redis: RedisProcess;
  readonly connection: NatsConnection;
}

/** One drain from the first batch pulled to the last acknowledged. */
export interface DrainTimes {
  readonly wallSeconds: number;
  /** CPU seconds (user and system) in that time. */
  readonly consumerCpuSeconds: number;
  readonly redisCpuSeconds: number;
  readonly natsCpuSeconds: number;
}

/** Runs a consumer of FLOWS as a child process until every batch is acknowledged, then stops it. */
export async function drainOnce(
  servers: DrainServers,
  command: readonly string[],
  batches: number,
): Promise<DrainTimes> {
  const consumer = new ConsumerProcess(command);
  try {
    await until(consumer, servers.connection, firstPollMs, startMaxMs, ({ delivered }) => delivered > 0);
    const begin = performance.now();
    const before = cpuOf(servers, consumer.pid);
    await until(
      consumer,
      servers.connection,
      pollMs,
      drainMaxMs,
      ({ acknowledged }) => acknowledged >= batches,
    );
    const wallSeconds = (performance.now() - begin) / 1000;
    const after = cpuOf(servers, consumer.pid);
    return {
      wallSeconds,
      consumerCpuSeconds: after.consumer - before.consumer,
      redisCpuSeconds: after.redis - before.redis,
      natsCpuSeconds: after.nats - before.nats,
    };
  } finally {
    await consumer.stop();
  }
}

async function until(
  consumer: ConsumerProcess,
  connection: NatsConnection,
  everyMs: number,
  withinMs: number,
  isReached: (progress: { delivered: number; acknowledged: number }) => boolean,
): Promise<void> {
  const deadlineMs = Date.now() + withinMs;
  while (!isReached(await drainProgress(connection))) {
    consumer.check();
    if (Date.now() > deadlineMs) throw new Error(`the drain did not end in ${withinMs} ms\n${consumer.log}`);
    await delay(everyMs);
  }
}

function cpuOf(
  { nats, redis }: DrainServers,
  consumer: number,
): Record<"nats" | "redis" | "consumer", number> {
  return {
    nats: cpuSecondsOf(nats.pid),
    redis: cpuSecondsOf(redis.pid),
    consumer: cpuSecondsOf(consumer),
  };
}

/** A consumer in a process of its own, so that its CPU time can be told from ours. */
class ConsumerProcess {
  log = "";
  private readonly child: ChildProcess;
  private readonly ended: Promise<void>;
  private isEnded = false;

  constructor(command: readonly string[]) {
    this.child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on("data", (chunk: Buffer) => {
        this.log = (this.log + chunk.toString()).slice(-logCharsMax);
      });
    this.ended = new Promise((resolve) => {
      this.child.once("close", () => {
        this.isEnded = true;
        resolve();
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Throws with its log when it ended by itself. */
  check(): void {
    if (this.isEnded) throw new Error(`the consumer ended in mid-drain\n${this.log}`);
  }

  async stop(): Promise<void> {
    this.child.kill("SIGTERM");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), 10_000);
    await this.ended;
    clearTimeout(timer);
  }
}
