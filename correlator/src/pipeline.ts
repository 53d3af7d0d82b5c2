import { Evaluator } from "./detectors/evaluator.js";
import { factObservers } from "./detectors/fact-detectors.js";
import { EvaluationQueue } from "./detectors/evaluation-queue.js";
import type { FlowDelivery } from "./flows/flow-source.js";
import type { CorrelatorPorts } from "./correlator-ports.js";
import { batchCorrectionMs, contributionOf } from "./flows/batch-context.js";
import { HomeNetworks } from "./flows/home-networks.js";
import { Observer } from "./flows/observer.js";
import { GroupingLoop } from "./incidents/grouping-loop.js";
import { SliceCloser } from "./incidents/slice-closer.js";
import { defaultPolicyRevision, type PolicyRevision } from "./policy/policy.js";
import { fleetAddresses, isSameFleet } from "./sensors/fleet-addresses.js";
import { sensorHash } from "./sensors/sensor-registry.js";
import { Replayer } from "./rebuild/replayer.js";
import type { HotWindow } from "./windows/window-store.js";

export type { CorrelatorPorts };

/** How often it is asked where the sensors are. */
const fleetEveryMs = 5000;

export interface CorrelatorOptions {
  /** Name of this process among the correlators. */
  readonly owner: string;
  /** Evaluate windows while their slices are open (default). Off for analyze, which serves nothing before the end. */
  readonly provisional?: boolean;
  /** Random seed of this process's hash tables. */
  readonly seed?: number;
}

/**
 * One correlator: batches in, incident events out. The life of a batch:
 * observe (flows to observations), merge (into the shared windows), evaluate
 * (what got hot), post (findings to the board); and of a slice: close (evaluate
 * it once more, now final), group (fold all correlators' findings), commit.
 * Time arrives as an argument; any number of correlators share the ports.
 */
export class Correlator {
  private readonly observer: Observer;
  private readonly evaluator: Evaluator;
  private readonly queue = new EvaluationQueue();
  private readonly closer: SliceCloser;
  private readonly grouping: GroupingLoop;
  private home = new HomeNetworks([]);
  private revision: PolicyRevision = defaultPolicyRevision;
  /** Where the sensors' hosts are: the fleet is inside. */
  private fleet = fleetAddresses([]);
  private fleetDueMs = 0;
  private stateEpoch: number;

  constructor(
    private readonly ports: CorrelatorPorts,
    private readonly options: CorrelatorOptions,
  ) {
    this.observer = new Observer(this.home, options.seed, factObservers);
    this.evaluator = new Evaluator(ports.windows, this.home, ports.profiles);
    this.closer = new SliceCloser(ports, this.evaluator);
    this.grouping = new GroupingLoop(ports);
    this.stateEpoch = ports.windows.stateEpoch;
    this.setPolicy(defaultPolicyRevision);
  }

  /** What merges stored batches once more, after the windows were lost. */
  replayer(): Replayer {
    return new Replayer(this.ports, this.evaluator, () => ({ ...this.revision, home: this.home }));
  }

  /** Counters of this process, by name. */
  counters(): Record<string, number> {
    return { ...this.observer.counters, ...this.ports.windows.counters, ...this.grouping.counters() };
  }

  setPolicy(revision: PolicyRevision): void {
    this.revision = revision;
    this.home = new HomeNetworks(revision.policy.homeNetworks, this.fleet.hosts, this.fleet.networks);
    this.observer.setHome(this.home);
    this.observer.setPolicy(revision.policy);
    this.evaluator.setPolicy(revision, this.home);
    this.grouping.setPolicy(revision.policy, this.home);
  }

  /**
   * Observes, merges, evaluates what got hot. Resolves when the effect of every
   * delivery is durable in the windows; rejects when nothing may be acknowledged.
   */
  async applyDeliveries(deliveries: readonly FlowDelivery[], nowMs: number): Promise<void> {
    this.checkStateEpoch();
    for (const delivery of deliveries) this.observe(delivery);
    const flows = deliveries.reduce((sum, { columns }) => sum + columns.length, 0);
    try {
      const hot = await this.ports.windows.merge(this.observer.take());
      const isWanted = (window: HotWindow): boolean =>
        this.options.provisional !== false || this.closer.isClosed(window);
      await this.evaluate(this.queue.take(hot.filter(isWanted), nowMs, flows));
    } catch (error) {
      this.observer.forget();
      throw error;
    }
  }

  /**
   * Closes slices up to the watermark under leases, groups findings and commits
   * incident events. Call about every 100 ms.
   * @param watermarkMs event time up to which everything has arrived; Infinity at the end of the data
   */
  async tick(watermarkMs: number, nowMs: number): Promise<void> {
    this.observer.closeStarts(watermarkMs);
    if (nowMs >= this.fleetDueMs) await this.readFleet(nowMs);
    await this.evaluate(this.queue.takeWaiting(nowMs));
    await this.closer.close(watermarkMs);
    await this.grouping.run(nowMs);
  }

  /** Asks where the sensors' hosts are: with the ticks, and once before the first batch. */
  async readFleet(nowMs = 0): Promise<void> {
    this.fleetDueMs = nowMs + fleetEveryMs;
    const fleet = fleetAddresses(await this.ports.sensors.list(nowMs));
    if (isSameFleet(fleet, this.fleet)) return;
    this.fleet = fleet;
    this.setPolicy(this.revision);
  }

  private observe(delivery: FlowDelivery): void {
    this.observer.observe(delivery.columns, {
      sensor: sensorHash(delivery.sensor),
      contribution: contributionOf(delivery.sensor, delivery.columns),
      clockCorrectionMs: batchCorrectionMs(delivery.columns, delivery.ingestMs, delivery.sentMs),
    });
    this.grouping.nameSensor(delivery.sensor);
  }

  /** Posts the findings of hot windows; a slice that is closed already gives confirmed ones. */
  private async evaluate(windows: readonly HotWindow[]): Promise<void> {
    const findings = await Promise.all(
      windows.map((window) => this.evaluator.evaluate(window, this.closer.isClosed(window))),
    );
    this.queue.spendOnCrowds(this.evaluator.takeCrowdSourcesRead());
    const entries = findings.flatMap((finding) =>
      finding === undefined ? [] : ([{ kind: "finding", finding }] as const),
    );
    if (entries.length > 0) await this.ports.board.post(entries);
  }

  private checkStateEpoch(): void {
    if (this.stateEpoch === this.ports.windows.stateEpoch) return;
    this.stateEpoch = this.ports.windows.stateEpoch;
    this.observer.forget();
    this.closer.forget();
  }
}
