import "reflect-metadata";
import { setTimeout as delay } from "node:timers/promises";
import type { INestApplicationContext } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { PicketError } from "@picket/proto/picket-error.js";
import { ensureStreams } from "./adapters/nats/ensure-streams.js";
import { durabilityOf } from "./adapters/nats/server-durability.js";
import type { NatsFlowSource } from "./adapters/nats/nats-flow-source.js";
import type { NatsLink } from "./adapters/nats/nats-link.js";
import type { NatsSensorRegistry } from "./adapters/nats/nats-sensor-registry.js";
import type { PolicyResponder } from "./adapters/nats/policy-responder.js";
import type { StatusListener } from "./adapters/nats/status-listener.js";
import type { RedisConnection } from "./adapters/redis/redis-connection.js";
import type { CorrelatorConfig } from "./config.js";
import { CorrelatorLoops } from "./correlator-loops.js";
import { CorrelatorModule } from "./correlator.module.js";
import type { Failures } from "./failures.js";
import { createLog } from "./log.js";
import type { LimitedLog, Logger } from "./log.js";
import { CorrelatorMetrics } from "./metrics.js";
import type { Correlator, CorrelatorPorts } from "./pipeline.js";
import type { PolicyStore } from "./policy/policy-store.js";
import type { Checkpoints } from "./rebuild/checkpoints.js";
import type { Rebuilder } from "./rebuild/rebuilder.js";
import * as tokens from "./tokens.js";

const retrySetupMs = 1000;

/**
 * Runs a correlator until `signal` aborts or nothing can help it. Resolves to
 * the exit code 0; throws PicketError for a port in use before anything was
 * started, and for refused credentials, a server too old or one that would lose
 * data after everything was stopped. Servers that are absent are waited for.
 */
export async function runCorrelator(config: CorrelatorConfig, signal: AbortSignal): Promise<number> {
  const log = createLog(config.logLevel);
  const context = await NestFactory.createApplicationContext(CorrelatorModule.over(config, log), {
    logger: false,
    abortOnError: false,
  });
  const running = new RunningCorrelator(context, config, log);
  const failure = await running.untilDone(signal);
  await running.stop();
  await context.close();
  if (failure !== undefined) throw failure;
  return 0;
}

/** Starts from the servers inwards, and stops the other way round. */
class RunningCorrelator {
  readonly #stop = new AbortController();
  readonly #link: NatsLink;
  readonly #redis: RedisConnection;
  readonly #loops: CorrelatorLoops;
  readonly #responder: PolicyResponder;
  readonly #listener: StatusListener;
  readonly #rebuilder: Rebuilder;
  readonly #metrics = new CorrelatorMetrics(() => this.#counters());

  constructor(
    private readonly context: INestApplicationContext,
    private readonly config: CorrelatorConfig,
    private readonly log: Logger,
  ) {
    this.#link = this.get(tokens.NATS_LINK);
    this.#redis = this.get(tokens.REDIS_CONNECTION);
    this.#loops = context.get(CorrelatorLoops);
    this.#responder = this.get(tokens.POLICY_RESPONDER);
    this.#listener = this.get(tokens.STATUS_LISTENER);
    this.#rebuilder = this.get(tokens.REBUILDER);
  }

  /** Resolves when told to stop, or to the failure that no retry helps. */
  async untilDone(signal: AbortSignal): Promise<PicketError | undefined> {
    const failures = this.get<Failures>(tokens.FAILURES);
    const aborted = new Promise<undefined>((resolve) => {
      if (signal.aborted) resolve(undefined);
      signal.addEventListener("abort", () => resolve(undefined), { once: true });
    });
    const started = this.#start().then(
      () => aborted,
      (error: unknown) => asPicketError(error),
    );
    return await Promise.race([aborted, started, failures.first, this.#link.failed]);
  }

  async #start(): Promise<void> {
    if (this.config.metricsListen !== "") await this.#metrics.listen(this.config.metricsListen);
    this.#link.start();
    this.#redis.start();
    await this.#prepareStreams();
    if (this.#stop.signal.aborted) return;
    this.#sayDurability();
    this.#loops.start((revision) => {
      this.#responder.setPolicy(revision);
      return this.#rebuilder.start();
    });
    await Promise.all([this.#listener.start(), this.#responder.start()]);
    this.log.info("correlating");
  }

  /** What an acknowledgement of this server is worth when the power fails. */
  #sayDurability(): void {
    if (!this.#link.isConnected) return;
    const { about, advice } = durabilityOf(this.#link.current().info?.version ?? "0");
    this.log.info(about);
    if (advice !== undefined) this.log.warn(advice);
  }

  /** Until the streams are there and as they must be; a server that does not answer is asked again. */
  async #prepareStreams(): Promise<void> {
    const { streamReplicas: replicas, flowsBytesMax, incidentsBytesMax, checkpointsBytesMax } = this.config;
    const limited = this.get<LimitedLog>(tokens.LIMITED_LOG);
    while (!this.#stop.signal.aborted) {
      try {
        return await ensureStreams(await this.#link.ready(), {
          replicas,
          flowsBytesMax,
          incidentsBytesMax,
          checkpointsBytesMax,
        });
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        if (!(error instanceof PicketError) || error.code !== "SERVER_UNREACHABLE") throw error;
        limited.failure("prepare the streams", error);
        await delay(retrySetupMs, undefined, { signal: this.#stop.signal }).catch(() => {});
      }
    }
  }

  /** Work in hand is finished within the deadline; what is not acknowledged comes again elsewhere. */
  async stop(): Promise<void> {
    this.#stop.abort();
    const drained = await Promise.race([
      this.#drain().then(() => true),
      delay(this.config.stopDeadlineMs, false, { ref: false }),
    ]);
    if (!drained) this.log.warn("stopped with work in hand, which is delivered again");
    await Promise.all([this.#link.stop(), this.#redis.close(), this.#metrics.close()]);
    this.log.info("stopped");
  }

  async #drain(): Promise<void> {
    await Promise.all([this.#loops.stop(), this.#rebuilder.stop()]);
    this.#listener.stop();
    this.#responder.stop();
    for (const token of [
      tokens.SENSOR_REGISTRY,
      tokens.INCIDENT_STORE,
      tokens.FINDING_BOARD,
      tokens.WINDOW_STORE,
    ])
      await this.get<CorrelatorPorts["windows"] | CorrelatorPorts["board"]>(token).close();
    await this.get<PolicyStore>(tokens.POLICY_STORE).close();
  }

  private get<T>(token: symbol): T {
    return this.context.get<T>(token);
  }

  #counters(): Record<string, number> {
    const { batchesRejected, ...source } = this.get<NatsFlowSource>(tokens.FLOW_SOURCE).counters;
    const rejected = Object.entries(batchesRejected).map(([reason, count]) => [
      `batches_rejected_${reason}`,
      count,
    ]);
    const { watermarkMs, counters } = this.#loops;
    return {
      ...this.get<Correlator>(tokens.CORRELATOR).counters(),
      ...source,
      ...counters,
      ...Object.fromEntries(rejected),
      ...this.#listener.counters,
      ...this.get<NatsSensorRegistry>(tokens.SENSOR_REGISTRY).counters,
      ...this.#rebuilder.counters,
      ...this.get<Checkpoints>(tokens.CHECKPOINTS).counters,
      watermarkDelaySeconds: watermarkMs === 0 ? 0 : (Date.now() - watermarkMs) / 1000,
    };
  }
}

function asPicketError(error: unknown): PicketError {
  if (error instanceof PicketError) return error;
  throw error;
}
