import { credentials, status } from "@grpc/grpc-js";
import { apiServingSchema } from "@picket/api/config.js";
import { runApi, type RunningApi } from "@picket/api/main.js";
import { MemoryHostProfileStore } from "@picket/correlator/adapters/memory/memory-host-profile-store.js";
import { MemoryIncidentStore } from "@picket/correlator/adapters/memory/memory-incident-store.js";
import { MemoryPolicyStore } from "@picket/correlator/adapters/memory/memory-policy-store.js";
import { MemorySensorRegistry } from "@picket/correlator/adapters/memory/memory-sensor-registry.js";
import {
  ListSensorsRequest,
  SensorServiceClient,
  SensorState,
  WatchSensorsRequest,
  type ListSensorsResponse,
  type WatchSensorsResponse,
} from "@picket/proto/generated/picket/v1/sensor.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildSensor } from "../conformance/sensor-registry.js";
import { result, until } from "./api-fixture.js";

const startMs = 1_760_000_000_000;

/** A watch that writes down what it is told. */
class Watcher {
  readonly heard: string[] = [];
  failure: number | undefined;
  private readonly call;

  constructor(client: SensorServiceClient, request: Partial<WatchSensorsRequest> = {}) {
    this.call = client.watchSensors(WatchSensorsRequest.create(request));
    this.call.on("data", ({ event }: WatchSensorsResponse) =>
      this.heard.push(
        event?.$case === "sensor" ? `${event.sensor.name} ${SensorState[event.sensor.state]}` : "heartbeat",
      ),
    );
    this.call.on("error", (error: Error & { code?: number }) => (this.failure = error.code));
  }

  stop(): void {
    this.call.cancel();
  }
}

describe("a watch of the sensors", () => {
  let api: RunningApi;
  let client: SensorServiceClient;
  let sensors: MemorySensorRegistry;
  let nowMs = startMs;
  const watchers: Watcher[] = [];

  beforeEach(async () => {
    nowMs = startMs;
    sensors = new MemorySensorRegistry();
    const ports = {
      incidents: new MemoryIncidentStore(),
      policy: new MemoryPolicyStore(),
      sensors,
      profiles: new MemoryHostProfileStore(),
      now: () => nowMs,
    };
    const config = apiServingSchema.parse({
      listen: "127.0.0.1:0",
      logLevel: "error",
      heartbeatIntervalMs: 500,
    });
    api = await runApi(config, ports);
    client = new SensorServiceClient(api.address, credentials.createInsecure());
    for (const name of ["lab-02", "lab-01", "doctor-1"])
      await sensors.recordStatus(buildSensor({ name, state: "running", lastStatusMs: startMs }));
  });

  afterEach(async () => {
    for (const watcher of watchers.splice(0)) watcher.stop();
    client.close();
    await api.stop();
  });

  function watch(request: Partial<WatchSensorsRequest> = {}): Watcher {
    const watcher = new Watcher(client, request);
    watchers.push(watcher);
    return watcher;
  }

  it("begins with every sensor in order, and says when that is all", async () => {
    const { heard } = watch();
    await until(() => heard.includes("heartbeat"), "the end of the snapshot");
    expect(heard).toEqual(["lab-01 SENSOR_STATE_RUNNING", "lab-02 SENSOR_STATE_RUNNING", "heartbeat"]);
  });

  it("tells that a sensor is silent, and that it is back", async () => {
    const { heard } = watch({ names: ["lab-01"] });
    await until(() => heard.length === 2, "the snapshot");
    nowMs += 15_001;
    await until(() => heard.includes("lab-01 SENSOR_STATE_SILENT"), "silence");
    await sensors.recordStatus(buildSensor({ name: "lab-01", state: "running", lastStatusMs: nowMs }));
    await until(
      () => heard.filter((line) => line === "lab-01 SENSOR_STATE_RUNNING").length === 2,
      "its return",
    );
    expect(heard.filter((line) => line.startsWith("lab-02"))).toEqual([]);
  });

  it("tells a change of the detail at once, and nothing when only the numbers changed", async () => {
    const { heard } = watch({ names: ["lab-01"] });
    await until(() => heard.length === 2, "the snapshot");
    const fields = { name: "lab-01", lastStatusMs: startMs + 1 } as const;
    await sensors.recordStatus(buildSensor({ ...fields, state: "running", packetsPerSecond: 99 }));
    await until(() => heard.filter((line) => line === "heartbeat").length === 4, "more heartbeats");
    expect(heard.filter((line) => line !== "heartbeat")).toHaveLength(1);
    await sensors.recordStatus(buildSensor({ ...fields, state: "degraded", detail: "the disk is full" }));
    await until(() => heard.includes("lab-01 SENSOR_STATE_DEGRADED"), "the change");
  });

  it("shows drills only when asked", async () => {
    const { heard } = watch({ includeDrills: true });
    await until(() => heard.includes("heartbeat"), "the snapshot");
    expect(heard[0]).toBe("doctor-1 SENSOR_STATE_RUNNING");
    const list = async (includeDrills: boolean): Promise<string[]> => {
      const request = ListSensorsRequest.create({ includeDrills });
      const page = await result<ListSensorsResponse>((done) => client.listSensors(request, done));
      return page.sensors.map(({ name }) => name);
    };
    expect(await list(false)).toEqual(["lab-01", "lab-02"]);
    expect(await list(true)).toEqual(["doctor-1", "lab-01", "lab-02"]);
  });

  it("refuses more names than it may be asked for", async () => {
    const watcher = watch({ names: Array.from({ length: 1001 }, (_, i) => `lab-${i}`) });
    await until(() => watcher.failure !== undefined, "the refusal");
    expect(watcher.failure).toBe(status.INVALID_ARGUMENT);
  });

  it("asks the registry no more often for many watchers than for one", async () => {
    let lists = 0;
    const list = sensors.list.bind(sensors);
    sensors.list = (atMs) => {
      lists++;
      return list(atMs);
    };
    const all = Array.from({ length: 20 }, () => watch());
    await until(
      () => all.every(({ heard }) => heard.filter((line) => line === "heartbeat").length > 2),
      "all",
    );
    expect(lists).toBeLessThan(8);
  });
});
