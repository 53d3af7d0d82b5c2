import { randomInt } from "node:crypto";
import { encodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { batchBytesMax, type FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { HostWatch } from "../host/host-watch.js";
import { HostView } from "../metering/host-view.js";
import type { MeteringPolicy } from "../metering/metering-settings.js";
import { notesSettings } from "../notes/notes-settings.js";
import { SensorPipeline } from "../pipeline.js";
import { totalsOf } from "./live-batch.js";
import type { LiveClock } from "./live-clock.js";
import type { FramePipe } from "./live-pipe.js";
import type { MeterPolicy, MeterSettings, SensorCounters } from "./live-settings.js";
import { FrameType } from "./live-frames.js";
import type { PacketBlock } from "./packet-source.js";

const countersIntervalUs = 1_000_000;
/** Counters that did not change are sent this seldom. */
const countersRepeatUs = 5_000_000;
/** Without packets for the idle timeout and this long, no flow is left to wait for. */
const quietMarginUs = 5_000_000;

/** Packets in, frames out: the pure pipeline with the clock and the pipe it needs when live. */
export class MeterSession {
  /** Packets are delivered up to this long after their time stamp. */
  lagUs = 0;
  readonly #host = new HostView();
  readonly #hostWatch = new HostWatch(this.#host);
  readonly #pipeline: SensorPipeline;
  #idleTimeoutUs: number;
  readonly #scratch = new Uint8Array(batchBytesMax);
  #countersAtUs = 0;
  #sentPackets = -1;
  #sentUs = 0;
  #packets = 0;
  #packetUs = 0;

  constructor(
    settings: MeterSettings,
    private readonly pipe: FramePipe,
    private readonly clock: LiveClock,
    private readonly sourceCounters: () => SensorCounters,
  ) {
    this.#hostWatch.refreshIfDue(clock.nowUs());
    this.#idleTimeoutUs = settings.idleTimeoutMs * 1000;
    this.#pipeline = new SensorPipeline(
      {
        ...meteringPolicy(settings),
        tableFlowsMax: settings.tableFlowsMax,
        seed: randomInt(2 ** 32),
        host: this.#host,
      },
      (columns) => this.#sendBatch(columns),
    );
  }

  onBlock(block: PacketBlock): void {
    this.#pipeline.onBlock(block);
    this.#packets += block.count;
    this.#packetUs = block.timeUs[block.count - 1];
    this.pipe.flush();
  }

  /** No packets came for so long that time has little to do. */
  get isQuiet(): boolean {
    return this.clock.nowUs() - this.#packetUs > this.#idleTimeoutUs + quietMarginUs;
  }

  /**
   * Time goes on without packets; to be called several times a second. While
   * packets wait (`isBehind`) time is theirs: else they would all come too late.
   */
  tick(isBehind: boolean): void {
    const nowUs = this.clock.nowUs();
    this.#hostWatch.refreshIfDue(nowUs);
    if (!isBehind) this.#pipeline.advance(nowUs - this.lagUs);
    this.pipe.flush();
    if (nowUs < this.#countersAtUs) return;
    this.#countersAtUs = nowUs + countersIntervalUs;
    if (this.#packets === this.#sentPackets && nowUs - this.#sentUs < countersRepeatUs) return;
    this.#sentPackets = this.#packets;
    this.#sentUs = nowUs;
    this.sendCounters();
  }

  /** Flows that are live follow the new policy, too. */
  setPolicy(policy: MeterPolicy): void {
    this.#idleTimeoutUs = policy.idleTimeoutMs * 1000;
    this.#pipeline.follow(meteringPolicy(policy));
  }

  finish(): void {
    this.#pipeline.finish(this.clock.nowUs());
    this.sendCounters();
  }

  sendCounters(): void {
    this.pipe.sendJson(FrameType.counters, {
      ...this.#pipeline.counters,
      ...this.#hostWatch.counters,
      ...this.sourceCounters(),
    });
  }

  #sendBatch(columns: FlowColumns): void {
    this.pipe.sendBatch(encodeFlowBatch(columns, this.#scratch), totalsOf(columns));
  }
}

/** In the units of metering. */
function meteringPolicy(policy: MeterPolicy): MeteringPolicy {
  return {
    activeTimeoutUs: policy.activeTimeoutMs * 1000,
    idleTimeoutUs: policy.idleTimeoutMs * 1000,
    holdTimeoutUs: policy.holdTimeoutMs * 1000,
    notes: notesSettings(policy.hostNames, policy.hostNamesPerSecond),
  };
}
