import { execFileSync, spawnSync } from "node:child_process";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import type { NatsConnection } from "@nats-io/transport-node";
import { ensureStreams } from "@picket/correlator/adapters/nats/ensure-streams.js";
import { NatsLink } from "@picket/correlator/adapters/nats/nats-link.js";
import { NatsPolicyStore } from "@picket/correlator/adapters/nats/nats-policy-store.js";
import { PolicyResponder } from "@picket/correlator/adapters/nats/policy-responder.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startNats } from "../servers/nats-server.js";
import type { NatsProcess } from "../servers/nats-server.js";
import { encodedBatch, testStreams, until } from "./correlator-nats-fixture.js";

/** Without it there is no certificate to load; apt-get install openssl. */
const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
const shipped = new URL("../../deploy/nats/", import.meta.url);

/** The shipped configuration with the example users, but without what the test's server sets itself. */
async function shippedAccounts(): Promise<string> {
  const read = (name: string): Promise<string> => readFile(new URL(name, shipped), "utf8");
  const [conf, secrets, sensors] = await Promise.all(
    ["picket.conf", "secrets.conf.example", "sensors.conf.example"].map(read),
  );
  const accounts = conf.slice(conf.indexOf("accounts {")).replace('include "sensors.conf"', sensors);
  return `${secrets}\n${accounts}`;
}

describe("the shipped NATS configuration", () => {
  it.skipIf(!hasOpenssl)("loads with a certificate and the example users", async () => {
    const folder = await mkdtemp(join(tmpdir(), "picket-nats-conf-"));
    await copyFile(new URL("secrets.conf.example", shipped), join(folder, "secrets.conf"));
    await copyFile(new URL("sensors.conf.example", shipped), join(folder, "sensors.conf"));
    const conf = await readFile(new URL("picket.conf", shipped), "utf8");
    await writeFile(join(folder, "picket.conf"), conf.replace("/var/lib/picket/nats", join(folder, "store")));
    const certificate = ["-keyout", "server-key.pem", "-out", "server.pem", "-subj", "/CN=localhost"];
    execFileSync(
      "openssl",
      ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", ...certificate],
      {
        cwd: folder,
        stdio: "ignore",
      },
    );
    const path = `${process.env.PATH ?? ""}:/usr/local/sbin:/usr/sbin`;
    execFileSync("nats-server", ["-t", "-c", "picket.conf"], {
      cwd: folder,
      stdio: "pipe",
      env: { PATH: path },
    });
    await rm(folder, { recursive: true });
  });

  describe("for a sensor", () => {
    let nats: NatsProcess;
    let core: NatsLink;
    let sensor: NatsConnection;
    beforeAll(async () => {
      nats = await startNats({ config: await shippedAccounts() });
      core = new NatsLink({ urls: [nats.url], user: "correlator", password: "change-me-correlator" }, "test");
      core.start();
      await ensureStreams(await core.ready(), testStreams);
      sensor = await connect({
        servers: nats.url,
        user: "lab-01",
        pass: "change-me-lab-01",
        inboxPrefix: "_INBOX_lab-01",
      });
    });
    afterAll(async () => {
      await sensor.close();
      await core.stop();
      await nats.stop();
    });

    async function storedSubjects(): Promise<string[]> {
      const manager = await jetstreamManager(core.current());
      const { state } = await manager.streams.info("FLOWS", { subjects_filter: ">" });
      return Object.keys(state.subjects ?? {}).sort();
    }

    it("takes its flows and gaps with an acknowledgement", async () => {
      const first = await jetstream(sensor).publish("picket.flows.v1.lab-01", encodedBatch(1), {
        msgID: "a",
      });
      const again = await jetstream(sensor).publish("picket.flows.v1.lab-01", encodedBatch(1), {
        msgID: "a",
      });
      expect([first.duplicate, again.duplicate]).toEqual([false, true]);
      await jetstream(sensor).publish("picket.gaps.v1.lab-01", "gap");
      expect(await storedSubjects()).toEqual(["picket.flows.v1.lab-01", "picket.gaps.v1.lab-01"]);
    });

    it("passes its status on and its policy slice back", async () => {
      const heard: string[] = [];
      core.current().subscribe("picket.status.v1.*", {
        queue: "correlators",
        callback: (_error, message) => void heard.push(message.subject),
      });
      const announced: string[] = [];
      sensor.subscribe("picket.policy.v1", {
        callback: (_error, message) => void announced.push(message.subject),
      });
      await Promise.all([core.current().flush(), sensor.flush()]);
      sensor.publish("picket.status.v1.lab-01", "status");
      const responder = new PolicyResponder(core);
      await responder.start();
      const policies = new NatsPolicyStore(core);
      const current = await policies.get();
      responder.setPolicy(await policies.update(current.policy, current.etag, "", "", 0));
      await until("both are heard", () => heard.length === 1 && announced.length === 1);
      const reply = await sensor.request("picket.policy.get.lab-01");
      expect(reply.json()).toMatchObject({ revision: "1" });
      responder.stop();
    });

    it("hears what was applied of its own flows", async () => {
      const heard: string[] = [];
      sensor.subscribe("picket.applied.v1.lab-01", {
        callback: (_error, message) => void heard.push(message.subject),
      });
      await sensor.flush();
      for (const name of ["lab-02", "lab-01"]) core.current().publish(`picket.applied.v1.${name}`, "x");
      await until("it is heard", () => heard.length > 0);
      expect(heard).toEqual(["picket.applied.v1.lab-01"]);
    });

    it("takes nothing in another sensor's name, and no request to the streams", async () => {
      const before = await storedSubjects();
      const refused = [
        "picket.flows.v1.lab-02",
        "picket.status.v1.lab-02",
        "picket.applied.v1.lab-01",
        "$JS.API.STREAM.PURGE.FLOWS",
        "$JS.API.STREAM.NAMES",
        "$KV.picket_policy.current",
      ];
      for (const subject of refused)
        await expect(sensor.request(subject, "x", { timeout: 500 })).rejects.toThrow();
      expect(await storedSubjects()).toEqual(before);
    });

    it("cannot purge the stream by naming the purge request as the reply subject", async () => {
      const manager = await jetstreamManager(core.current());
      const before = (await manager.streams.info("FLOWS")).state.messages;
      sensor.publish("picket.flows.v1.lab-01", encodedBatch(9), { reply: "$JS.API.STREAM.PURGE.FLOWS" });
      await sensor.flush();
      await until(
        "it is stored or refused",
        async () => (await manager.streams.info("FLOWS")).state.messages >= before,
      );
      expect((await manager.streams.info("FLOWS")).state.first_seq).toBe(1);
    });

    it("hears nobody else's answers", async () => {
      for (const subject of [
        ">",
        "_INBOX.>",
        "_INBOX_lab-02.>",
        "picket.applied.v1.lab-02",
        "picket.>",
        "$JS.>",
      ]) {
        const failed = new Promise((resolve) => {
          sensor.subscribe(subject, { callback: (error) => resolve(error?.message) });
        });
        expect(await failed).toMatch(/Permissions Violation/i);
      }
    });
  });
});
