import { connect, type NatsConnection } from "@nats-io/transport-node";
import { createLog, RateLimitedLog } from "@picket/sensor/log.js";
import { PolicyClient } from "@picket/sensor/status/policy-client.js";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startNats, type NatsProcess } from "../servers/nats-server.js";

let nats: NatsProcess;
let connection: NatsConnection;

beforeEach(async () => {
  nats = await startNats({ jetstream: false });
  connection = await connect({ servers: nats.url });
});

afterEach(async () => {
  await connection.close();
  await nats.stop();
});

test("an answer older than the announced revision is asked for again", async () => {
  const answers = [0, 0, 0, 7];
  connection.subscribe("picket.policy.get.lab-0", {
    callback: (_error, message) => {
      const revision = answers.length > 1 ? answers.shift() : answers[0];
      message.respond(JSON.stringify({ revision: String(revision) }));
    },
  });
  const followed: number[] = [];
  const log = new RateLimitedLog(createLog("error"));
  const client = new PolicyClient("lab-0", ({ revision }) => followed.push(revision), log);
  client.onUp(connection);
  await vi.waitFor(() => expect(followed).toEqual([0]), 5000);
  connection.publish("picket.policy.v1", JSON.stringify({ revision: "7" }));
  await vi.waitFor(() => expect(followed).toEqual([0, 7]), 8000);
  client.stop();
});
