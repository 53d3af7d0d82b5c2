import { NatsIncidentStore } from "@picket/correlator/adapters/nats/nats-incident-store.js";
import { NatsLink } from "@picket/correlator/adapters/nats/nats-link.js";
import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisIncidentState } from "@picket/correlator/adapters/redis/redis-incident-state.js";
import { encodedProbe, publishBatch } from "../integration/correlator-nats-fixture.js";
import { untilReady } from "../servers/until-ready.js";
import type { FleetUnderTest } from "./fleet-under-test.js";

const hosts = 8;
/** Networks the fleet's flows do not use: 172.20.0.0/24 scans 172.21.0.0/16, each scan a part of its own. */
const firstHost = 0xac15_0001;
const hostsApart = 256;
const firstSource = 0xac14_0009;
const sentMaxMs = 30_000;
const foundMaxMs = 60_000;

/** Scans made beside a fleet's load, whose incidents are known beforehand. */
export class KnownScans {
  readonly #link: NatsLink;
  readonly #connection: RedisConnection;
  readonly #incidents: NatsIncidentStore;
  #made = 0;

  private constructor({ natsNodes, redis }: FleetUnderTest) {
    this.#link = new NatsLink({ urls: natsNodes.map(({ url }) => url) }, "scans");
    this.#connection = new RedisConnection({ url: redis.url });
    this.#incidents = new NatsIncidentStore(this.#link, new RedisIncidentState(this.#connection));
  }

  static async start(fleet: FleetUnderTest): Promise<KnownScans> {
    const scans = new KnownScans(fleet);
    scans.#link.start();
    scans.#connection.start();
    await scans.#link.ready();
    await scans.#connection.whenUp(5000);
    return scans;
  }

  /** A new source is refused once by each of eight hosts, each seen by its own sensor; resolves when all are stored. */
  async make(): Promise<void> {
    const [source, firstOwn] = [firstSource + this.#made, firstHost + this.#made * hostsApart];
    this.#made++;
    for (let host = 0; host < hosts; host++) {
      const bytes = encodedProbe(source, firstOwn + host, 22);
      const isStored = async (): Promise<boolean> => {
        await publishBatch(this.#link.current(), `lab-0${host}`, bytes);
        return true;
      };
      await untilReady(`the contact with host ${host} is stored`, sentMaxMs, () =>
        isStored().catch(() => false),
      );
    }
  }

  /** Resolves when each scan so far has one incident, which names every sensor; throws after a minute. */
  async whenFound(): Promise<void> {
    for (let index = 0; index < this.#made; index++) {
      const source = `172.20.0.${(firstSource & 0xff) + index}`;
      let found = "";
      const isFound = async (): Promise<boolean> => {
        const { incidents } = await this.#incidents.list({ source });
        found = JSON.stringify(incidents.map(({ evidence }) => evidence.length));
        return found === `[${hosts}]`;
      };
      await untilReady(`the scan of ${source} is one incident`, foundMaxMs, () =>
        isFound().catch(() => false),
      ).catch((error: Error) => {
        throw new Error(`${error.message}, sensors named: ${found}`, { cause: error });
      });
    }
  }

  async stop(): Promise<void> {
    await this.#incidents.close();
    await this.#connection.close();
    await this.#link.stop();
  }
}
