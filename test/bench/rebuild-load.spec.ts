import { setTimeout as delay } from "node:timers/promises";
import { NatsLink } from "@picket/correlator/adapters/nats/nats-link.js";
import { expect, it } from "vitest";
import { fillFlows } from "./drain-stream.js";
import { startNats } from "../servers/nats-server.js";
import { startRedis } from "../servers/redis-server.js";
import { encodedProbe, publishBatch, until } from "../integration/correlator-nats-fixture.js";
import { startRebuilding } from "../integration/rebuild-fixture.js";

/** By command: PICKET_REBUILD_FLOWS=600000, ten minutes of a thousand flows a second. */
const flows = Number(process.env.PICKET_REBUILD_FLOWS ?? 0);

it.skipIf(flows === 0)(
  "a scan that begins while ten minutes of flows are rebuilt is found within 30 s",
  async () => {
    const [nats, redis] = await Promise.all([startNats(), startRedis()]);
    const link = new NatsLink({ urls: [nats.url] }, "load");
    link.start();
    await fillFlows(await link.ready(), 0.1, flows);
    const correlator = await startRebuilding(link, redis.url);
    const { connection, history, checkpoints, rebuilder } = correlator;
    try {
      const isApplied = async (): Promise<boolean> => {
        const { acknowledgedSequence, lastSequence } = await history.position();
        return acknowledgedSequence === lastSequence;
      };
      await until("the flows are applied", isApplied, 300_000);
      const keys = await connection.command(["DBSIZE"]);
      let isDumping = true;
      const slowest = slowestPing(connection, () => isDumping);
      const taken = await checkpoints.take(Date.now(), new AbortController().signal);
      isDumping = false;
      console.log(`checkpoint: ${JSON.stringify(checkpoints.counters)}, ${taken?.pieces} pieces`);
      console.log(`${String(keys)} keys; slowest ping meanwhile ${(await slowest).toFixed(1)} ms`);

      const lostMs = performance.now();
      const since = (): string => ((performance.now() - lostMs) / 1000).toFixed(1);
      await connection.command(["FLUSHALL"]);
      for (let host = 1; host <= 9; host++)
        await publishBatch(link.current(), `lab-${host}`, encodedProbe(0x0a000009, 0x0a010000 + host, 22));
      const isFound = async (): Promise<boolean> =>
        (await correlator.incidents.list({ source: "10.0.0.9" })).incidents[0]?.targetCount === 9;
      await until("the scan is found", isFound, 60_000);
      console.log(`the scan was found ${since()} s after the loss`);
      expect(Number(since())).toBeLessThan(30);
      await until("the windows are complete", () => rebuilder.counters.rebuildsDone === 2, 300_000);
      console.log(`complete after ${since()} s: ${JSON.stringify(rebuilder.counters)}`);
    } finally {
      console.log(correlator.lines.join("\n"));
      await correlator.stop();
      await link.stop();
      await Promise.all([nats.stop(), redis.stop()]);
    }
  },
  900_000,
);

/** Milliseconds. */
async function slowestPing(
  connection: { command(words: string[]): Promise<unknown> },
  isWanted: () => boolean,
): Promise<number> {
  let slowestMs = 0;
  while (isWanted()) {
    const beganMs = performance.now();
    await connection.command(["PING"]);
    slowestMs = Math.max(slowestMs, performance.now() - beganMs);
    await delay(10);
  }
  return slowestMs;
}
