import { setTimeout as delay } from "node:timers/promises";
import { Inject, Injectable } from "@nestjs/common";
import { PicketError } from "@picket/proto/picket-error.js";
import type { CorrelatorConfig } from "./config.js";
import { appliedBatchOf } from "./flows/batch-context.js";
import type { FlowDelivery, FlowSource } from "./flows/flow-source.js";
import type { LimitedLog } from "./log.js";
import type { Correlator } from "./pipeline.js";
import type { PolicyRevision } from "./policy/policy.js";
import type { PolicyStore } from "./policy/policy-store.js";
import type { SensorRegistry } from "./sensors/sensor-registry.js";
import * as tokens from "./tokens.js";
import { untilAborted } from "./until-aborted.js";

const firstRestMs = 100;
const lastRestMs = 5000;
/** A batch that failed this often is set aside, provided that another one was applied so recently. */
const deliveriesMax = 5;
const workingMs = 30_000;

/**
 * Keeps a correlator going: the policy it works under, the batches it applies,
 * and the clock of its slices. What fails is said, rests and is done again; a
 * batch is acknowledged only when its effect is durable and counted. Time is
 * the flow source's: a machine whose clock is wrong decides nothing.
 */
@Injectable()
export class CorrelatorLoops {
  /** Milliseconds of event time up to which everything has arrived; 0 before the first tick. */
  watermarkMs = 0;
  readonly counters = { batchesRetried: 0, flowsApplied: 0, ticksFailed: 0 };
  readonly #stop = new AbortController();
  #policy: PolicyRevision | undefined;
  #appliedMs = Number.NEGATIVE_INFINITY;
  #running: Promise<void> = Promise.resolve();

  constructor(
    @Inject(tokens.CORRELATOR) private readonly correlator: Correlator,
    @Inject(tokens.FLOW_SOURCE) private readonly flows: FlowSource,
    @Inject(tokens.POLICY_STORE) private readonly policies: PolicyStore,
    @Inject(tokens.SENSOR_REGISTRY) private readonly sensors: SensorRegistry,
    @Inject(tokens.CONFIG) private readonly config: CorrelatorConfig,
    @Inject(tokens.LIMITED_LOG) private readonly log: LimitedLog,
  ) {}

  /**
   * Begins; batches wait until the policy is known.
   * @param onPolicy told of each revision in force; the first batch waits for what it returns
   */
  start(onPolicy: (revision: PolicyRevision) => Promise<void>): void {
    this.#running = this.#run(onPolicy);
  }

  /** Resolves when the work in hand is done. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.flows.stop();
    await this.#running;
  }

  async #run(onPolicy: (revision: PolicyRevision) => Promise<void>): Promise<void> {
    let isKnown = (): void => {};
    const known = new Promise<void>((resolve) => {
      isKnown = resolve;
    });
    const following = this.policies.watch((revision) => {
      this.#policy = revision;
      this.correlator.setPolicy(revision);
      void onPolicy(revision).then(isKnown);
    }, this.#stop.signal);
    await untilAborted(known, this.#stop.signal);
    await untilAborted(this.#readFleet(), this.#stop.signal);
    if (!this.#stop.signal.aborted)
      await Promise.all([this.flows.run((deliveries) => this.#apply(deliveries)), this.#tick()]);
    await following;
  }

  /** What is inside decides what a batch is: it is asked for first, and with every tick. */
  async #readFleet(): Promise<void> {
    await this.correlator.readFleet().catch((error: Error) => this.log.failure("read the sensors", error));
  }

  /** A server that fails is waited for; else the batch that fails is looked for, so that it holds up no other. */
  async #apply(deliveries: readonly FlowDelivery[]): Promise<void> {
    try {
      await this.#applyAll(deliveries);
    } catch (error) {
      this.log.failure("apply flows", error as Error);
      if (!(error instanceof PicketError)) return await this.#applyEach(deliveries);
      this.#retry(deliveries);
      await this.#rest(firstRestMs * 5);
    }
  }

  /** Acknowledges when the effect of all is durable and counted. */
  async #applyAll(deliveries: readonly FlowDelivery[]): Promise<void> {
    await this.correlator.applyDeliveries(deliveries, this.flows.nowMs());
    await this.sensors.recordApplied(deliveries.map(appliedBatchOf));
    for (const delivery of deliveries) {
      this.counters.flowsApplied += delivery.columns.length;
      delivery.acknowledge();
    }
    this.#appliedMs = performance.now();
  }

  async #applyEach(deliveries: readonly FlowDelivery[]): Promise<void> {
    for (const delivery of deliveries) {
      try {
        await this.#applyAll([delivery]);
      } catch {
        if (this.#isHopeless(delivery)) delivery.reject?.("apply");
        else this.#retry([delivery]);
      }
    }
  }

  /** It failed often, while others were applied. */
  #isHopeless({ deliveryCount = 0, reject }: FlowDelivery): boolean {
    const isWorking = performance.now() - this.#appliedMs < workingMs;
    return reject !== undefined && deliveryCount >= deliveriesMax && isWorking;
  }

  #retry(deliveries: readonly FlowDelivery[]): void {
    for (const delivery of deliveries) delivery.retry();
    this.counters.batchesRetried += deliveries.length;
  }

  async #tick(): Promise<void> {
    let restMs = firstRestMs;
    while (!this.#stop.signal.aborted) {
      try {
        this.watermarkMs = (await this.flows.acknowledgedUntilMs()) - this.#allowedLatenessMs();
        await this.correlator.tick(this.watermarkMs, this.flows.nowMs());
        restMs = firstRestMs;
        await this.#rest(this.config.tickIntervalMs);
      } catch (error) {
        this.counters.ticksFailed++;
        this.log.failure("close slices", error as Error);
        await this.#rest(restMs);
        restMs = Math.min(2 * restMs, lastRestMs);
      }
    }
  }

  #allowedLatenessMs(): number {
    return (this.#policy?.policy.incident.allowedLatenessSeconds ?? 0) * 1000;
  }

  async #rest(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stop.signal }).catch(() => {});
  }
}
