import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { ApiClient } from "@picket/api/cli/api-client.js";
import { startNats, type NatsProcess } from "../servers/nats-server.js";
import { startRedis, type RedisProcess } from "../servers/redis-server.js";
import { controlAddress, hosts, servers } from "./address-plan.js";
import { Daemon } from "./daemon.js";
import { FlowRecorder } from "./flow-recorder.js";
import { IncidentWatch } from "./incident-watch.js";
import { labFolder } from "./isolation.js";
import { buildNetwork, removeNetwork } from "./network.js";

const picket = fileURLToPath(new URL("../../../deploy/picket/bin.mjs", import.meta.url));
const apiAddress = "127.0.0.1:50061";
const startMaxMs = 30_000;

/** Command line of a role or a client command of `picket`. */
export function picketCommand(...words: string[]): string[] {
  return [process.execPath, picket, ...words];
}

/** Command line of a program beside this file. */
export function labProgram(name: string, ...words: string[]): string[] {
  return [process.execPath, fileURLToPath(new URL(`${name}.js`, import.meta.url)), ...words];
}

/** The running lab: network, servers, correlators, api, a sensor a host, services. */
export class Lab {
  readonly recorder = new FlowRecorder();
  readonly client = new ApiClient({ server: apiAddress });
  readonly correlators: Daemon[] = [];
  /** Everything that was started, in order. */
  readonly daemons: Daemon[] = [];
  /** Those of them that a check killed. */
  readonly killed: Daemon[] = [];
  #watch: IncidentWatch | undefined;
  #nats: NatsProcess | undefined;
  #redis: RedisProcess | undefined;
  #connection: NatsConnection | undefined;
  #hasNetwork = false;

  get watch(): IncidentWatch {
    if (this.#watch === undefined) throw new Error("the lab is not started");
    return this.#watch;
  }

  async start(): Promise<void> {
    this.#hasNetwork = true;
    await buildNetwork();
    this.#nats = await startNats({ address: "0.0.0.0" });
    this.#redis = await startRedis();
    // The first one holds the lease of grouping.
    await this.startCorrelator(0);
    await this.startCorrelator(1);
    await this.#startApi();
    for (const { namespace } of servers)
      this.#daemon(`services of ${namespace}`, labProgram("services"), namespace);
    for (const host of hosts) this.#startSensor(host.sensor, host.namespace);
    this.#connection = await connect({ servers: this.#nats.url });
    await this.recorder.start(this.#connection);
    this.#watch = new IncidentWatch(this.client);
  }

  /** Starts correlator 0 or 1, also in place of one that was killed. */
  async startCorrelator(index: number): Promise<void> {
    const words = picketCommand(
      "correlator",
      "--nats",
      this.#natsUrl("127.0.0.1"),
      "--redis",
      this.#redisUrl(),
    );
    const correlator = this.#daemon(`correlator ${index}`, words);
    this.correlators[index] = correlator;
    await correlator.untilLine(/"correlating"/, startMaxMs);
  }

  async killCorrelator(index: number): Promise<void> {
    this.killed.push(this.correlators[index]);
    await this.correlators[index].kill();
  }

  /** In reverse order; every step is taken whatever the others do. */
  async stop(): Promise<void> {
    this.#watch?.stop();
    this.client.close();
    await settled(this.recorder.stop(), this.#connection?.close());
    const sensors = this.daemons.filter(({ name }) => name.startsWith("sensor"));
    await settled(...sensors.map((sensor) => sensor.stop()));
    await settled(...this.daemons.map((daemon) => daemon.stop()));
    await settled(this.#redis?.stop(), this.#nats?.stop());
    if (this.#hasNetwork) await settled(removeNetwork());
  }

  async #startApi(): Promise<void> {
    const where = ["--nats", this.#natsUrl("127.0.0.1"), "--redis", this.#redisUrl()];
    const api = this.#daemon("api", picketCommand("api", "--listen", apiAddress, ...where));
    await api.untilLine(/serving gRPC/, startMaxMs);
  }

  #startSensor(sensor: string, namespace: string): void {
    const how = `sensor --name ${sensor} --interface eth0 --nats ${this.#natsUrl(controlAddress)}`;
    const words = picketCommand(...how.split(" "), "--spool-folder", join(labFolder(), "spool"));
    this.#daemon(`sensor ${sensor}`, words, namespace);
  }

  #daemon(name: string, words: readonly string[], namespace?: string): Daemon {
    const daemon = new Daemon(name, words, namespace);
    this.daemons.push(daemon);
    return daemon;
  }

  #natsUrl(address: string): string {
    return `nats://${address}:${this.#nats?.port}`;
  }

  #redisUrl(): string {
    return this.#redis?.url ?? "";
  }
}

/** Waits for all and lets none of them stop the others. */
async function settled(...steps: (Promise<unknown> | undefined)[]): Promise<void> {
  for (const result of await Promise.allSettled(steps))
    if (result.status === "rejected") process.stderr.write(`lab: ${String(result.reason)}\n`);
}
