import { jetstreamManager } from "@nats-io/jetstream";
import { runApiDaemon } from "@picket/api/main.js";
import { apiConfigSchema } from "@picket/api/config.js";
import { ensureStreams } from "@picket/correlator/adapters/nats/ensure-streams.js";
import { correlatorConfigSchema } from "@picket/correlator/config.js";
import { runCorrelator } from "@picket/correlator/main.js";
import type { Check } from "@picket/deploy/picket/doctor/check.js";
import { doctorConfigSchema, type DoctorConfig } from "@picket/deploy/picket/doctor/doctor-config.js";
import { runDoctor } from "@picket/deploy/picket/doctor/run-doctor.js";
import { ListIncidentsRequest, IncidentFilter } from "@picket/proto/generated/picket/v1/incident.js";
import {
  IncidentServiceClient,
  type ListIncidentsResponse,
} from "@picket/proto/generated/picket/v1/incident.js";
import { credentials } from "@grpc/grpc-js";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { readFile } from "node:fs/promises";
import { afterEach, describe, expect, it } from "vitest";
import { freePort } from "../servers/free-port.js";
import { startNats, type NatsProcess } from "../servers/nats-server.js";
import { startRedis, type RedisProcess } from "../servers/redis-server.js";
import { result } from "./api-fixture.js";
import { testStreams, until } from "./correlator-nats-fixture.js";

/** What of a deployment runs. */
interface Parts {
  readonly hasCorrelator?: boolean;
  /** NATS has the accounts that are shipped, with a user for the doctor's sensor. */
  readonly hasAccounts?: boolean;
}

const running: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const thing of running.splice(0).reverse()) await thing.stop();
});

const accountOf = { natsUser: "correlator", natsPassword: "change-me-correlator" };

/** The shipped accounts; the example's sensor is the doctor's. */
async function shippedAccounts(): Promise<string> {
  const read = (name: string): Promise<string> =>
    readFile(new URL(`../../deploy/nats/${name}`, import.meta.url), "utf8");
  const [conf, secrets, sensors] = await Promise.all(
    ["picket.conf", "secrets.conf.example", "sensors.conf.example"].map(read),
  );
  const users = sensors.replaceAll("lab-01", "doctor-hq");
  const accounts = conf.slice(conf.indexOf("accounts {")).replace('include "sensors.conf"', users);
  return `${secrets}\n${accounts}`;
}

class Deployment {
  readonly api: string;
  private constructor(
    readonly nats: NatsProcess,
    readonly redis: RedisProcess,
    apiPort: number,
    private readonly user: Partial<typeof accountOf>,
  ) {
    this.api = `127.0.0.1:${apiPort}`;
  }

  get servers(): { nats: string[]; redis: string } {
    return { nats: [this.nats.url], redis: this.redis.url, ...this.user };
  }

  connect(): Promise<NatsConnection> {
    return connect({ servers: this.nats.url, user: this.user.natsUser, pass: this.user.natsPassword });
  }

  static async start({ hasCorrelator = true, hasAccounts = false }: Parts = {}): Promise<Deployment> {
    const config = hasAccounts ? await shippedAccounts() : undefined;
    const [nats, redis, apiPort] = await Promise.all([startNats({ config }), startRedis(), freePort()]);
    running.push(nats, redis);
    const deployment = new Deployment(nats, redis, apiPort, hasAccounts ? accountOf : {});
    const connection = await deployment.connect();
    await ensureStreams(connection, testStreams);
    await connection.close();
    const servers = deployment.servers;
    const { flowsBytesMax, incidentsBytesMax } = testStreams;
    const limits = { flowsBytesMax, incidentsBytesMax, logLevel: "error" };
    if (hasCorrelator)
      keep((stop) => runCorrelator(correlatorConfigSchema.parse({ ...servers, ...limits }), stop));
    const api = apiConfigSchema.parse({ ...servers, listen: deployment.api, logLevel: "error" });
    keep((stop) => runApiDaemon(api, stop));
    return deployment;
  }

  /** The checks of one run, and its verdict. */
  async check(fields: Partial<DoctorConfig> = {}): Promise<{ isHealthy: boolean; checks: Check[] }> {
    const checks: Check[] = [];
    const servers = { ...this.servers, api: this.api };
    const config = doctorConfigSchema.parse({ ...servers, timeoutSeconds: 10, ...fields });
    const isHealthy = await runDoctor(config, (check) => checks.push(check));
    return { isHealthy, checks };
  }

  /** Until a correlator asks for batches. */
  async whenReading(): Promise<void> {
    const connection = await this.connect();
    const manager = await jetstreamManager(connection);
    await until("a correlator reads", () =>
      manager.consumers.info("FLOWS", "correlators").then(
        ({ num_waiting }) => num_waiting > 0,
        () => false,
      ),
    );
    await connection.close();
  }
}

function keep(run: (stop: AbortSignal) => Promise<number>): void {
  const stop = new AbortController();
  const done = run(stop.signal).catch(() => 2);
  running.push({
    stop: () => {
      stop.abort();
      return done;
    },
  });
}

const named = (checks: readonly Check[], name: string): Check | undefined =>
  checks.find((check) => check.name === name);
const failures = (checks: readonly Check[]): string[] =>
  checks.filter(({ status }) => status === "failed").map(({ name }) => name);

describe("picket doctor", () => {
  it("finds a whole deployment healthy and follows its drill to the api, with the delay of each step", async () => {
    const deployment = await Deployment.start();
    await deployment.whenReading();
    const { isHealthy, checks } = await deployment.check();
    expect(failures(checks)).toEqual([]);
    expect(isHealthy).toBe(true);
    const steps = checks.filter(({ name }) => name.startsWith("drill "));
    expect(steps.map(({ name }) => name)).toEqual([
      "drill stored",
      "drill applied",
      "drill found",
      "drill served",
      "drill heartbeat",
    ]);
    for (const { delayMs } of steps) expect(delayMs).toBeLessThan(10_000);
    expect(named(checks, "nats server")?.detail).toMatch(/^nats-server 2\.\S+ syncs its disk every/);
    const windows = async (): Promise<Check | undefined> =>
      named((await deployment.check({ drill: false })).checks, "redis windows");
    await until("the windows are complete", async () => (await windows())?.detail === "complete");
    const incidents = new IncidentServiceClient(deployment.api, credentials.createInsecure());
    const list = async (includeInactive: boolean): Promise<ListIncidentsResponse> => {
      const request = ListIncidentsRequest.create({ filter: IncidentFilter.create({ includeInactive }) });
      return result((done) => incidents.listIncidents(request, done));
    };
    expect((await list(false)).incidents).toEqual([]);
    const [drill] = (await list(true)).incidents;
    expect(drill).toMatchObject({ drill: true, targets: [expect.stringMatching(/^198\.51\.100\./)] });
    incidents.close();
  });

  it("sends its drill as a sensor of the shipped accounts, which may do nothing else", async () => {
    const deployment = await Deployment.start({ hasAccounts: true });
    await deployment.whenReading();
    const asSensor = { sensorNatsUser: "doctor-hq", sensorNatsPassword: "change-me-doctor-hq" };
    const { isHealthy, checks } = await deployment.check({ ...asSensor, sensorName: "doctor-hq" });
    expect(failures(checks)).toEqual([]);
    expect(isHealthy).toBe(true);
    expect(checks.filter(({ name }) => name.startsWith("drill "))).toHaveLength(5);
    const { checks: refused } = await deployment.check({
      ...asSensor,
      sensorName: "doctor-else",
      timeoutSeconds: 2,
    });
    expect(named(refused, "drill stored")).toMatchObject({
      status: "failed",
      detail: expect.stringMatching(/nats denies the publish of picket\.flows\.v1\.doctor-else/),
    });
    const { checks: wrong } = await deployment.check({ ...asSensor, sensorNatsPassword: "wrong" });
    expect(named(wrong, "drill sensor")).toMatchObject({
      status: "failed",
      detail: expect.stringMatching(/refused the sensor's credentials/),
    });
  });

  it("says that nats is away, and still looks at the rest", async () => {
    const deployment = await Deployment.start({ hasCorrelator: false });
    await deployment.nats.kill();
    const { isHealthy, checks } = await deployment.check();
    expect(isHealthy).toBe(false);
    expect(failures(checks)).toContain("nats");
    expect(named(checks, "nats")?.detail).toMatch(/nats does not answer at nats:\/\/127/);
    expect(named(checks, "redis")?.status).toBe("ok");
    expect(named(checks, "redis windows")).toMatchObject({
      status: "warning",
      detail: expect.stringMatching(/^empty/),
    });
    expect(named(checks, "drill")?.status).toBe("skipped");
  });

  it("says that redis is away, and where the drill ends for that", async () => {
    const deployment = await Deployment.start();
    await deployment.whenReading();
    await deployment.redis.kill();
    const { isHealthy, checks } = await deployment.check({ timeoutSeconds: 2 });
    expect(isHealthy).toBe(false);
    expect(failures(checks)).toContain("redis");
    expect(named(checks, "drill stored")?.status).toBe("ok");
    expect(failures(checks).at(-1)).toBe("drill applied");
  });

  it("says that no correlator reads, and where the drill ends for that", async () => {
    const deployment = await Deployment.start({ hasCorrelator: false });
    const { isHealthy, checks } = await deployment.check({ timeoutSeconds: 2 });
    expect(isHealthy).toBe(false);
    expect(failures(checks)).toEqual(["nats consumer", "drill applied"]);
    expect(named(checks, "nats consumer")?.advice).toContain("picket correlator");
  });

  it("says what is wrong with a stream", async () => {
    const deployment = await Deployment.start({ hasCorrelator: false });
    const connection = await connect({ servers: deployment.nats.url });
    const manager = await jetstreamManager(connection);
    await manager.streams.delete("REJECTED");
    await manager.streams.add({ name: "REJECTED", subjects: ["picket.rejected.v1.*"], storage: "memory" });
    await manager.streams.delete("CHECKPOINTS").catch(() => {});
    await connection.close();
    const { checks } = await deployment.check({ drill: false });
    expect(named(checks, "nats stream REJECTED")).toMatchObject({
      status: "failed",
      detail: "keeps its messages in memory",
      advice: "recreate it with file storage",
    });
    expect(named(checks, "nats stream FLOWS")?.status).toBe("ok");
    expect(named(checks, "drill")).toMatchObject({ status: "skipped", detail: "not asked for" });
  });
});
