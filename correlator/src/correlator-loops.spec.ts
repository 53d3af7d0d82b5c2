import { PicketError } from "@picket/proto/picket-error.js";
import { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import pino from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MemoryFindingBoard } from "./adapters/memory/memory-finding-board.js";
import { MemoryIncidentStore } from "./adapters/memory/memory-incident-store.js";
import { MemoryLeases } from "./adapters/memory/memory-leases.js";
import { MemoryPolicyStore } from "./adapters/memory/memory-policy-store.js";
import { MemorySensorRegistry } from "./adapters/memory/memory-sensor-registry.js";
import { MemoryWindowStore } from "./adapters/memory/memory-window-store.js";
import { correlatorConfigSchema } from "./config.js";
import { CorrelatorLoops } from "./correlator-loops.js";
import type { FlowDelivery, FlowSource, FlowSourceCounters } from "./flows/flow-source.js";
import { LimitedLog } from "./log.js";
import { Correlator } from "./pipeline.js";

/** A log in memory that delivers what is not settled again, as often as it takes. */
class MemoryFlowSource implements FlowSource {
  readonly counters: FlowSourceCounters = {
    batchesReceived: 0,
    flowsReceived: 0,
    batchesRejected: {},
    rejectedNotKept: 0,
  };
  readonly settled: string[] = [];
  #waiting: FlowDelivery[] = [];
  #isStopped = false;
  #wake = (): void => {};

  constructor(private readonly onRun: () => void) {}

  offer(columns: FlowColumns, deliveryCount = 1): void {
    const name = String(columns.sequence);
    this.#waiting.push({
      sensor: "lab-01",
      columns,
      ingestMs: 1000,
      sentMs: 0,
      deliveryCount,
      acknowledge: () => void this.settled.push(`${name} applied`),
      retry: () => void setImmediate(() => this.offer(columns, deliveryCount + 1)),
      reject: (reason) => void this.settled.push(`${name} rejected: ${reason} after ${deliveryCount}`),
    });
    this.#wake();
  }

  async run(onDeliveries: (deliveries: readonly FlowDelivery[]) => Promise<void>): Promise<void> {
    this.onRun();
    while (!this.#isStopped) {
      const group = this.#waiting.splice(0, 3);
      if (group.length > 0) await onDeliveries(group);
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  acknowledgedUntilMs(): Promise<number> {
    return Promise.resolve(0);
  }

  nowMs(): number {
    return 1000;
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    this.#wake();
    return Promise.resolve();
  }
}

/** A registry that fails while it is told to. */
class FailingRegistry extends MemorySensorRegistry {
  failure: Error | undefined;
  lists = 0;
  listsBeforeBatches = -1;

  override list(
    ...words: Parameters<MemorySensorRegistry["list"]>
  ): ReturnType<MemorySensorRegistry["list"]> {
    this.lists++;
    return super.list(...words);
  }

  override recordApplied(...words: Parameters<MemorySensorRegistry["recordApplied"]>): Promise<void> {
    return this.failure === undefined ? super.recordApplied(...words) : Promise.reject(this.failure);
  }
}

function batch(sequence: number): FlowColumns {
  const columns = new FlowColumns();
  columns.sequence = sequence;
  return columns;
}

/** One that no code of ours can read. */
function brokenBatch(sequence: number): FlowColumns {
  return Object.defineProperty(batch(sequence), "length", {
    get: () => {
      throw new RangeError("broken");
    },
  });
}

describe("the loops of a correlator", () => {
  let source: MemoryFlowSource;
  let registry: FailingRegistry;
  let loops: CorrelatorLoops;

  beforeEach(() => {
    registry = new FailingRegistry();
    source = new MemoryFlowSource(() => (registry.listsBeforeBatches = registry.lists));
    const ports = {
      windows: new MemoryWindowStore(),
      board: new MemoryFindingBoard(),
      leases: new MemoryLeases(),
      incidents: new MemoryIncidentStore(),
      sensors: registry,
    };
    const log = new LimitedLog(pino({ level: "silent" }));
    const config = correlatorConfigSchema.parse({});
    const correlator = new Correlator(ports, { owner: "test" });
    loops = new CorrelatorLoops(correlator, source, new MemoryPolicyStore(), registry, config, log);
    loops.start(() => Promise.resolve());
  });

  afterEach(() => loops.stop());

  it("ask where the sensors are before the first batch", async () => {
    await expect.poll(() => registry.listsBeforeBatches).toBe(1);
  });

  it("set a batch aside that fails again and again, and hold up no other", async () => {
    for (const sequence of [1, 2, 3, 4, 5, 6])
      source.offer(sequence === 2 ? brokenBatch(sequence) : batch(sequence));
    await expect
      .poll(() => [...source.settled].sort())
      .toEqual([
        "1 applied",
        "2 rejected: apply after 5",
        "3 applied",
        "4 applied",
        "5 applied",
        "6 applied",
      ]);
  });

  it("set nothing aside while nothing else can be applied either", async () => {
    source.offer(brokenBatch(1));
    source.offer(brokenBatch(2));
    await expect.poll(() => loops.counters.batchesRetried).toBeGreaterThan(20);
    expect(source.settled).toEqual([]);
  });

  it("acknowledge nothing that is not counted, and everything once the servers are back", async () => {
    registry.failure = new PicketError("SERVER_UNREACHABLE", "redis is away");
    for (const sequence of [1, 2, 3, 4]) source.offer(batch(sequence));
    await expect.poll(() => loops.counters.batchesRetried).toBeGreaterThan(3);
    expect(source.settled).toEqual([]);
    registry.failure = undefined;
    await expect.poll(() => source.settled.length, { timeout: 5000 }).toBe(4);
  });
});
