import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { MemorySensorRegistry } from "@picket/correlator/adapters/memory/memory-sensor-registry.js";
import { NatsLink } from "@picket/correlator/adapters/nats/nats-link.js";
import { StatusListener } from "@picket/correlator/adapters/nats/status-listener.js";
import { Correlator } from "@picket/correlator/pipeline.js";
import { defaultPolicy, defaultPolicyRevision } from "@picket/correlator/policy/policy.js";
import type { SensorRecord } from "@picket/correlator/sensors/sensor-registry.js";
import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deliveryOf, scenarioStartMs, spreadFlows } from "../engine/flow-scenario.js";
import { memoryPorts } from "../engine/memory-ports.js";
import { activeIncidents } from "../engine/run-engine.js";
import { startNats, type NatsProcess } from "../servers/nats-server.js";
import { Cable, canUseNamespaces, temporaryFolder, waitUntil } from "./sensor-harness.js";

const launcher = fileURLToPath(new URL("../../deploy/picket/bin.mjs", import.meta.url));
const built = fileURLToPath(new URL("../../deploy/dist/picket/main.js", import.meta.url));
const canRun = canUseNamespaces && existsSync(built);
if (!canRun)
  process.stderr.write("sensor-networks: skipped, needs root for network namespaces and a build\n");

/** Of the host's own network, which is a public one (RFC 5737). */
const neighbour = "203.0.113.9";

describe.skipIf(!canRun)("a sensor on a host with a public network and routes", () => {
  const cable = new Cable();
  const folder = temporaryFolder();
  const sensors = new MemorySensorRegistry();
  let nats: NatsProcess | undefined;
  let link: NatsLink | undefined;
  let listener: StatusListener | undefined;
  let sensor: ChildProcess | undefined;
  let record: SensorRecord | undefined;

  beforeAll(async () => {
    cable.up();
    addNetworks();
    nats = await startNats({ address: "0.0.0.0" });
    link = new NatsLink({ urls: [nats.url] }, "sensor-networks");
    link.start();
    listener = new StatusListener(link, sensors);
    await listener.start();
    sensor = startSensor(`nats://${cable.nearAddress}:${nats.port}`);
    await waitUntil("a heartbeat", () => {
      void sensors.list(Date.now()).then(([first]) => (record = first));
      return record !== undefined;
    });
  });

  afterAll(async () => {
    const ended = new Promise((resolve) => sensor?.once("close", resolve));
    if (sensor?.kill("SIGTERM") === true) await ended;
    listener?.stop();
    await link?.stop();
    await nats?.stop();
    cable.down();
    folder.remove();
  });

  function addNetworks(): void {
    const ip = (...words: string[]): void => void execFileSync("ip", ["-n", cable.namespace, ...words]);
    ip("link", "add", "lan0", "type", "veth", "peer", "name", "switch0");
    ip("addr", "add", "203.0.113.77/24", "dev", "lan0");
    for (const device of ["lan0", "switch0"]) ip("link", "set", device, "up");
    ip("route", "add", "100.64.8.0/22", "via", "203.0.113.1");
    // Not of the fleet: somebody else's, and the two halves of everything.
    ip("route", "add", "198.51.100.0/24", "via", "203.0.113.1");
    ip("route", "add", "0.0.0.0/1", "via", "203.0.113.1");
    ip("route", "add", "128.0.0.0/1", "via", "203.0.113.1");
  }

  /** It keeps CAP_NET_RAW alone, and looks around after it gave up the rest. */
  function startSensor(server: string): ChildProcess {
    const inNamespace = ["netns", "exec", cable.namespace, process.execPath, launcher, "sensor"];
    const spool = ["--spool", "memory", "--spool-folder", folder.path];
    const options = ["--name", "lab-01", "--interface", "lan0", "--nats", server, "--run-as", "nobody"];
    return spawn("ip", [...inNamespace, ...options, ...spool], { stdio: "ignore" });
  }

  /** The technique of what a neighbour's scan is, with the home networks of the policy. */
  async function scanOfNeighbour(homeNetworks: string[]): Promise<string[]> {
    const flows = Array.from({ length: 40 }, (_, k) => ({
      source: neighbour,
      destination: `203.0.113.${100 + k}`,
      port: 22,
      timeMs: scenarioStartMs + k * 1000,
      outcome: Outcome.ignored,
    }));
    const ports = { ...memoryPorts(), sensors };
    const correlator = new Correlator(ports, { owner: "correlator-0" });
    const policy = { ...defaultPolicy, homeNetworks };
    correlator.setPolicy({ ...defaultPolicyRevision, policy });
    await correlator.readFleet();
    await correlator.applyDeliveries(spreadFlows(flows, { sensors: 1, seed: 1 }).map(deliveryOf), 1);
    for (let round = 1; round <= 3; round++) await correlator.tick(scenarioStartMs + 3_600_000, round * 6000);
    return activeIncidents(await ports.incidents.loadAll()).map(({ technique }) => technique);
  }

  it("tells both networks, and not what may be anybody's", () => {
    expect(record?.linkNetworks).toContain("203.0.113.0/24");
    expect(record?.linkNetworks).toHaveLength(2);
    expect(record?.routedNetworks).toEqual(["100.64.8.0/22"]);
    expect(record?.refusedNetworks).toEqual({});
  });

  it("makes its neighbours inside, unless the policy says otherwise", async () => {
    expect(await scanOfNeighbour([])).toEqual(["T1046"]);
    expect(await scanOfNeighbour(["198.51.100.0/24", "203.0.113.128/25"])).toEqual(["T1595.001"]);
  });
});
