import { createClient } from "redis";
import { freePorts } from "./free-port.js";
import { startRedis } from "./redis-server.js";
import type { RedisProcess } from "./redis-server.js";
import { untilReady } from "./until-ready.js";

/** How a test's Redis cluster differs from the default. */
export interface RedisClusterOptions {
  /** Default 3. */
  readonly shards?: number;
  /** Replicas of each shard; default 1. */
  readonly replicas?: number;
  /** How long a node may be silent before it counts as failed, milliseconds; default 1000. */
  readonly nodeTimeoutMs?: number;
  /** Lines added to each server's configuration. */
  readonly config?: string;
}

/** One server of the cluster as it sees itself. */
export interface RedisClusterNode {
  readonly process: RedisProcess;
  readonly role: "master" | "replica";
  /** Slots it serves as a master, first and last. */
  readonly slots: readonly (readonly [first: number, last: number])[];
}

/** A running Redis Cluster on loopback. */
export interface RedisCluster {
  /** One URL a node, the first masters first. */
  readonly urls: readonly string[];
  /** The masters of the beginning, then their replicas in the same order. */
  readonly nodes: readonly RedisProcess[];
  /** The nodes that run, with the role each has now. */
  state(): Promise<RedisClusterNode[]>;
  /** Resolves when all slots are served and each master has its replica; throws after 60 s. */
  whenWhole(): Promise<void>;
  /** Kills the master of a slot and resolves when another serves it; returns the killed one. */
  failOver(slot: number): Promise<RedisProcess>;
  stop(): Promise<void>;
}

const slotCount = 16_384;
const clusterTries = 3;
const readyMaxMs = 60_000;
const answerMaxMs = 10_000;

/** Starts the servers, deals out the slots and waits until every shard has its replicas. */
export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
  for (let tries = 1; ; tries++) {
    try {
      return await startOnce(options);
    } catch (error) {
      if (tries === clusterTries || !/in use/i.test(String(error))) throw error;
    }
  }
}

async function startOnce(options: RedisClusterOptions): Promise<RedisCluster> {
  const { shards = 3, replicas = 1, nodeTimeoutMs = 1000, config = "" } = options;
  const size = shards * (1 + replicas);
  const ports = await freePorts(2 * size);
  const busPorts = ports.slice(size);
  const started = await Promise.allSettled(
    busPorts.map((busPort, index) =>
      startRedis({
        port: ports[index],
        config: `${nodeConfiguration(busPort, nodeTimeoutMs)}\n${config}`,
      }),
    ),
  );
  const nodes = started.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const failed = started.find((result) => result.status === "rejected");
  try {
    if (failed !== undefined) throw failed.reason;
    await join(nodes, busPorts, shards);
    const cluster = clusterOf(nodes, shards);
    await cluster.whenWhole();
    return cluster;
  } catch (error) {
    await Promise.all(nodes.map((node) => node.stop()));
    throw error;
  }
}

/** A bus port of its own, because the usual one (port + 10000) may be taken or above 65535. */
function nodeConfiguration(busPort: number, nodeTimeoutMs: number): string {
  return [
    "cluster-enabled yes",
    "cluster-config-file nodes.conf",
    `cluster-port ${busPort}`,
    `cluster-node-timeout ${nodeTimeoutMs}`,
    "cluster-replica-validity-factor 0",
    "repl-diskless-sync yes",
    "repl-diskless-sync-delay 0",
    "repl-ping-replica-period 1",
  ].join("\n");
}

async function join(
  nodes: readonly RedisProcess[],
  busPorts: readonly number[],
  shards: number,
): Promise<void> {
  const ids = await Promise.all(nodes.map((node) => ask(node, ["CLUSTER", "MYID"])));
  for (const [index, node] of nodes.entries()) {
    await ask(node, ["CLUSTER", "SET-CONFIG-EPOCH", String(index + 1)]);
    if (index < shards) await ask(node, ["CLUSTER", "ADDSLOTSRANGE", ...slotsOf(index, shards)]);
    if (index > 0)
      await ask(nodes[0], ["CLUSTER", "MEET", "127.0.0.1", String(node.port), String(busPorts[index])]);
  }
  await untilReady("every node knows the others", readyMaxMs, async () => {
    const known = await Promise.all(
      nodes.map(async (node) => (await linesOf(node)).filter(isSettled).length),
    );
    return known.every((count) => count === nodes.length);
  });
  for (const [index, node] of nodes.entries())
    if (index >= shards) await ask(node, ["CLUSTER", "REPLICATE", ids[index % shards]]);
}

/** First and last slot of a shard. */
function slotsOf(shard: number, shards: number): [string, string] {
  const first = Math.floor((shard * slotCount) / shards);
  const end = Math.floor(((shard + 1) * slotCount) / shards);
  return [String(first), String(end - 1)];
}

function clusterOf(nodes: readonly RedisProcess[], shards: number): RedisCluster {
  const state = async (): Promise<RedisClusterNode[]> => {
    const found = await Promise.all(nodes.map((node) => stateOf(node).catch(() => undefined)));
    return found.filter((each) => each !== undefined);
  };
  return {
    urls: nodes.map(({ url }) => url),
    nodes,
    state,
    whenWhole: () => untilReady("the cluster is whole", readyMaxMs, () => isWhole(nodes, shards)),
    failOver: async (slot) => {
      const before = (await state()).find((node) => serves(node, slot));
      if (before === undefined) throw new Error(`nobody serves slot ${slot}`);
      await before.process.kill();
      await untilReady(`slot ${slot} has another master`, readyMaxMs, async () => {
        const running = await state();
        const infos = await Promise.all(running.map(({ process }) => infoOf(process)));
        return running.some((node) => serves(node, slot)) && infos.every((info) => /state:ok/.test(info));
      });
      return before.process;
    },
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

function serves({ slots }: RedisClusterNode, slot: number): boolean {
  return slots.some(([first, last]) => first <= slot && slot <= last);
}

/** Empty when it does not answer. */
function infoOf(node: RedisProcess): Promise<string> {
  return ask(node, ["CLUSTER", "INFO"]).catch(() => "");
}

async function stateOf(node: RedisProcess): Promise<RedisClusterNode> {
  const own = (await linesOf(node)).find((line) => line[2].includes("myself")) ?? [];
  const slots = own.slice(8).map((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return [first, last] as const;
  });
  return { process: node, role: own[2]?.includes("master") === true ? "master" : "replica", slots };
}

async function isWhole(nodes: readonly RedisProcess[], shards: number): Promise<boolean> {
  const infos = await Promise.all(nodes.map(infoOf));
  if (!infos.every((info) => info.includes("cluster_state:ok"))) return false;
  const states = await Promise.all(nodes.map((node) => ask(node, ["INFO", "replication"]).catch(() => "")));
  const masters = states.filter((text) => text.includes("role:master"));
  const replicas = states.filter((text) => text.includes("master_link_status:up"));
  return masters.length === shards && replicas.length === nodes.length - shards;
}

/** The words of each line of CLUSTER NODES: id, address, flags, master, times, epoch, link, slots. */
async function linesOf(node: RedisProcess): Promise<string[][]> {
  const text = await ask(node, ["CLUSTER", "NODES"]);
  return text.split("\n").flatMap((line) => (line === "" ? [] : [line.split(" ")]));
}

function isSettled(words: readonly string[]): boolean {
  return !/handshake|fail|noaddr/.test(words[2]) && words[7] === "connected";
}

async function ask(node: RedisProcess, words: readonly string[]): Promise<string> {
  const client = createClient({
    url: node.url,
    socket: { reconnectStrategy: false, connectTimeout: answerMaxMs },
  });
  client.on("error", () => {});
  try {
    await client.connect();
    return String(await client.sendCommand([...words]));
  } finally {
    if (client.isOpen) client.destroy();
  }
}
