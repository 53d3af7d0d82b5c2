import { RedisConnection } from "@picket/correlator/adapters/redis/redis-connection.js";
import { RedisWindowStore } from "@picket/correlator/adapters/redis/redis-window-store.js";
import { type ContactObservation, type Observations } from "@picket/correlator/windows/window-store.js";
import { startRedis } from "../servers/redis-server.js";
import { median, rounded, type Benchmark } from "./benchmark.js";
import { cpuSecondsOf } from "./process-cpu.js";

const mergeContacts = 5_000;
const mergesInFlight = 2;
const merges = 40;
const startMs = 20_000 * 86_400_000;

/** New failed contacts a second into Redis, half of them from recurring sources. */
export const redisWindows: Benchmark = {
  name: "redis-windows",
  summary: "all-new failed contacts (five windows each) merged into Redis",
  async run({ runs }) {
    const measured: Merged[] = [];
    for (let run = 0; run < runs; run++) measured.push(await measure(run + 1));
    const of = (value: (merged: Merged) => number): number => rounded(median(measured.map(value)));
    return {
      metric: "new failed contacts merged a second",
      unit: "contacts/s",
      measurements: [{ label: "picket", values: measured.map((merged) => merged.contactsPerSecond) }],
      value: of((merged) => merged.contactsPerSecond),
      peers: {},
      ratio: {},
      apart: {
        clientUsPerContact: of((merged) => merged.clientUsPerContact),
        redisUsPerContact: of((merged) => merged.redisUsPerContact),
        bytesPerContact: of((merged) => merged.bytesPerContact),
      },
      runs,
      notes: [
        `CPU a contact: client ${of((merged) => merged.clientUsPerContact)} us, redis ${of((merged) => merged.redisUsPerContact)} us`,
        `${of((merged) => merged.bytesPerContact)} bytes of Redis memory a contact, all windows and keys included`,
      ],
    };
  },
};

/** One run; memory is all that Redis uses, by contact. */
interface Merged {
  readonly contactsPerSecond: number;
  readonly clientUsPerContact: number;
  readonly redisUsPerContact: number;
  readonly bytesPerContact: number;
}

async function measure(seed: number): Promise<Merged> {
  const redis = await startRedis();
  const connection = new RedisConnection({ url: redis.url });
  connection.start();
  try {
    await connection.whenUp(10_000);
    const store = new RedisWindowStore(connection);
    const next = randomWords(seed);
    let ms = 0;
    let client = 0;
    const redisBefore = cpuSecondsOf(redis.pid);
    for (let done = 0; done < merges; done += mergesInFlight) {
      const batches = Array.from({ length: mergesInFlight }, () => newContacts(next));
      const begin = performance.now();
      const before = process.cpuUsage();
      await Promise.all(batches.map((batch) => store.merge(batch)));
      const used = process.cpuUsage(before);
      client += used.user + used.system;
      ms += performance.now() - begin;
    }
    const memory = /used_memory:(\d+)/.exec(String(await connection.command(["INFO", "memory"])));
    const contacts = merges * mergeContacts;
    return {
      contactsPerSecond: (contacts / ms) * 1000,
      clientUsPerContact: client / contacts,
      redisUsPerContact: ((cpuSecondsOf(redis.pid) - redisBefore) / contacts) * 1e6,
      bytesPerContact: Number(memory?.[1]) / contacts,
    };
  } finally {
    await connection.close();
    await redis.stop();
  }
}

function newContacts(next: () => number): Observations {
  const failed: ContactObservation[] = [];
  for (let i = 0; i < mergeContacts; i++) {
    const source = word((next() & 1) === 1 ? next() : 0xc0000000 + (next() % 20_000));
    const destination = word(0x0a000000 + (next() % 2_000));
    const port = next() & 0xffff;
    failed.push({
      source,
      destination,
      port,
      protocol: 6,
      timeMs: startMs,
      outcome: 3,
      stealth: 0,
      sensor: next() % 20,
      crowds: 15,
      traits: 0,
      fingerprint: 0,
    });
  }
  return { failed, answered: [], starts: [], facts: [] };
}

function word(value: number): string {
  return String.fromCharCode(
    (value >>> 24) & 0xff,
    (value >>> 16) & 0xff,
    (value >>> 8) & 0xff,
    value & 0xff,
  );
}

/** Xorshift32: the same numbers for the same seed. */
function randomWords(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state = (state ^ (state << 5)) >>> 0;
    return state;
  };
}
