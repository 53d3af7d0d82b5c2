import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { freePorts } from "./free-port.js";
import { startNats } from "./nats-server.js";
import type { NatsProcess } from "./nats-server.js";
import { untilReady } from "./until-ready.js";

/** How a test's NATS cluster differs from the default. */
export interface NatsClusterOptions {
  /** Servers, each with its own folder of streams; default 3. */
  readonly size?: number;
  /** Text added to each server's configuration. */
  readonly config?: string;
}

/** A running NATS cluster with JetStream on loopback. */
export interface NatsCluster {
  /** One URL a node. */
  readonly urls: readonly string[];
  /** Each is killed and restarted alone, with its streams. */
  readonly nodes: readonly NatsProcess[];
  /** Resolves when every node that runs sees a leader of JetStream; throws after a minute. */
  ready(): Promise<void>;
  /** Number of the node that leads a stream; -1 while nobody does. */
  leaderOf(stream: string): Promise<number>;
  /** Resolves when every replica of a stream has all of it; throws after a minute. */
  whenCurrent(stream: string): Promise<void>;
  /** Ends every node and removes the folders. */
  stop(): Promise<void>;
}

const clusterTries = 3;
const readyMaxMs = 60_000;
const currentMaxMs = 60_000;

/** Starts the nodes and waits until JetStream has a leader. */
export async function startNatsCluster(options: NatsClusterOptions = {}): Promise<NatsCluster> {
  for (let tries = 1; ; tries++) {
    try {
      return await startOnce(options);
    } catch (error) {
      if (tries === clusterTries || !/in use/i.test(String(error))) throw error;
    }
  }
}

async function startOnce({ size = 3, config = "" }: NatsClusterOptions): Promise<NatsCluster> {
  const ports = await freePorts(2 * size);
  const routePorts = ports.slice(size);
  const started = await Promise.allSettled(
    routePorts.map((routePort, index) =>
      startNats({
        port: ports[index],
        config: `${nodeConfiguration(index, routePort, routePorts)}${config}`,
      }),
    ),
  );
  const nodes = started.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const cluster = clusterOf(nodes);
  const failed = started.find((result) => result.status === "rejected");
  try {
    if (failed !== undefined) throw failed.reason;
    await cluster.ready();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

function nodeConfiguration(index: number, routePort: number, routePorts: readonly number[]): string {
  const routes = routePorts.map((port) => `"nats-route://127.0.0.1:${port}"`).join(", ");
  return `server_name: n${index}
cluster { name: picket, listen: "127.0.0.1:${routePort}", no_advertise: true, routes: [${routes}] }
`;
}

function clusterOf(nodes: readonly NatsProcess[]): NatsCluster {
  const running = (): string[] => nodes.filter(isRunning).map(({ url }) => url);
  return {
    urls: nodes.map(({ url }) => url),
    nodes,
    ready: () =>
      untilReady("jetstream has a leader", readyMaxMs, async () => {
        const answers = await Promise.all(
          running().map((url) => withManager(url, () => Promise.resolve(true))),
        );
        return answers.every((answer) => answer === true);
      }),
    leaderOf: async (stream) => Number((await streamCluster(running(), stream))?.leader?.slice(1) ?? -1),
    whenCurrent: (stream) =>
      untilReady(`stream ${stream} is whole everywhere`, currentMaxMs, async () => {
        const found = await streamCluster(running(), stream);
        const replicas = found?.replicas ?? [];
        return found?.leader !== undefined && replicas.length > 0 && replicas.every(({ current }) => current);
      }),
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

function isRunning(node: NatsProcess): boolean {
  try {
    return node.pid > 0;
  } catch {
    return false;
  }
}

async function streamCluster(urls: readonly string[], stream: string) {
  return await withManager(urls, async (manager) => (await manager.streams.info(stream)).cluster);
}

/** Asks JetStream once; undefined when it does not answer. */
async function withManager<T>(
  servers: string | readonly string[],
  ask: (manager: Awaited<ReturnType<typeof jetstreamManager>>) => Promise<T>,
): Promise<T | undefined> {
  const connection = await connect({
    servers: typeof servers === "string" ? servers : [...servers],
    reconnect: false,
    timeout: 2000,
  }).catch(() => undefined);
  if (connection === undefined) return undefined;
  try {
    return await ask(await jetstreamManager(connection, { timeout: 1000 }));
  } catch {
    await delay(50);
    return undefined;
  } finally {
    await connection.close();
  }
}
