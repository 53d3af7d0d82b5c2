import { randomBytes } from "node:crypto";
import { execFileSync, spawnSync } from "node:child_process";
import { createServer, type Server } from "node:net";
import { decodeFlowBatch } from "@picket/proto/batch/flow-batch-codec.js";
import { FlowColumns, HostDirection, outcomeNames } from "@picket/proto/batch/flow-columns.js";
import { LiveMeter } from "@picket/sensor/capture/live-meter.js";
import { withBatchIdentity } from "@picket/sensor/export/batch-identity.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { missingRing } from "./ring-available.js";
import { Cable, waitUntil } from "./sensor-harness.js";

if (missingRing !== undefined) process.stderr.write(`sensor-host: skipped, ${missingRing}\n`);

/** Below the range of clients, whose ports are never called closed. */
const closedPort = 4001;
const servicePort = 4002;
const silentServicePort = 4003;
/** Of documentation (RFC 5737): the host has no way back to it, so that it answers to nobody. */
const unreachable = "198.51.100.7";
const directionNames = Object.keys(HostDirection);

/** A live meter and what its records said of each contact, by "destination:port". */
class HostRecords {
  readonly meter: LiveMeter;
  readonly contacts = new Map<string, string[]>();
  /** "operation answered sender target" of each ARP record. */
  readonly arp: string[] = [];
  readonly #columns = new FlowColumns();
  readonly #epoch = randomBytes(16);

  constructor(device: string) {
    this.meter = new LiveMeter(
      { interface: device, capture: "ring" },
      { onBatch: ({ bytes }) => this.#take(bytes) },
    );
  }

  /** "outcome direction closed" of every record toward a port, the latest last. */
  of(address: string, port: number): string[] {
    return this.contacts.get(`${address}:${port}`) ?? [];
  }

  #take(bytes: Uint8Array): void {
    const columns = this.#columns;
    expect(decodeFlowBatch(withBatchIdentity(bytes, this.#epoch, 1), columns)).toBeUndefined();
    for (let i = 0; i < columns.length; i++) {
      const key = `${this.#address(columns.destinationIndex[i])}:${columns.destinationPort[i]}`;
      const closed = columns.closedPort[i] === 1 ? " closed" : "";
      const line = `${outcomeNames[columns.outcome[i]]} ${directionNames[columns.direction[i]]}${closed}`;
      this.contacts.set(key, [...(this.contacts.get(key) ?? []), line]);
    }
    const { arp } = columns;
    for (let i = 0; i < arp.length; i++)
      this.arp.push(
        `${arp.operation[i]} ${arp.answered[i]} ${this.#address(arp.senderIndex[i])} ${this.#address(arp.targetIndex[i])}`,
      );
  }

  #address(index: number): string {
    const word = this.#columns.addressWords[4 * index + 3];
    return [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff).join(".");
  }
}

describe.skipIf(missingRing !== undefined)("a sensor on a host", () => {
  const cable = new Cable();
  /** An address of the host whose contacts are ignored, like behind a firewall that drops. */
  const silentAddress = cable.nearAddress.replace(/\.1$/, ".6");
  const services: Server[] = [];
  let records: HostRecords;

  beforeAll(async () => {
    cable.up();
    addSilentAddress();
    for (const port of [servicePort, silentServicePort]) services.push(await listen(port));
    records = new HostRecords(cable.near);
    records.meter.start();
    await waitUntil("the meter captures", () => records.meter.state.kind === "running");
    await waitUntil("the host is known", () => (records.meter.counters["listening_known_live"] ?? 0) === 1);
  });

  afterAll(async () => {
    await records.meter.stop();
    for (const service of services) service.close();
    cable.down();
    ip("route", "del", "blackhole", `${unreachable}/32`);
  });

  /** A contact from the far end, at once or until it is given up. */
  function contact(port: number, address = cable.nearAddress): void {
    const script = `echo > /dev/tcp/${address}/${port}`;
    spawnSync("ip", ["netns", "exec", cable.namespace, "timeout", "0.3", "bash", "-c", script]);
  }

  async function untilSays(port: number, line: string, address = cable.nearAddress): Promise<void> {
    await waitUntil(`${address}:${port} ${line}`, () => {
      if (records.of(address, port).includes(line)) return true;
      contact(port, address);
      return false;
    });
  }

  it("says that a port is closed when it refused and nothing listens", async () => {
    await untilSays(closedPort, "refused inbound closed");
    expect(new Set(records.of(cable.nearAddress, closedPort))).toEqual(new Set(["refused inbound closed"]));
  });

  it("says that a port is closed that ignored a contact, and never an open one", async () => {
    await untilSays(closedPort, "ignored inbound closed", silentAddress);
    await untilSays(silentServicePort, "ignored inbound", silentAddress);
    expect(records.of(silentAddress, silentServicePort).join()).not.toContain("closed");
  });

  it("does not call the port of a service closed, nor within a minute after its end", async () => {
    await untilSays(servicePort, "answered inbound");
    services[0].close();
    await untilSays(servicePort, "refused inbound");
    expect(records.of(cable.nearAddress, servicePort).join()).not.toContain("closed");
  });

  it("tells its own contacts and those of an address that is new", async () => {
    await cable.knock(closedPort);
    await waitUntil("the knock", () => records.of(cable.farAddress, closedPort).length > 0);
    expect(records.of(cable.farAddress, closedPort)).toEqual(["refused outbound"]);
    const second = cable.nearAddress.replace(/\.1$/, ".5");
    ip("addr", "add", `${second}/32`, "dev", cable.near);
    ip("-n", cable.namespace, "route", "add", second, "via", cable.nearAddress);
    await untilSays(closedPort, "refused inbound closed", second);
  });

  it("tells who asked for whose MAC", async () => {
    await waitUntil("the request of the far end", () =>
      records.arp.includes(`0 1 ${cable.farAddress} ${cable.nearAddress}`),
    );
  });

  function addSilentAddress(): void {
    ip("addr", "add", `${silentAddress}/32`, "dev", cable.near);
    ip("route", "replace", "blackhole", `${unreachable}/32`);
    ip("-n", cable.namespace, "addr", "add", `${unreachable}/32`, "dev", cable.far);
    ip("-n", cable.namespace, "route", "add", silentAddress, "via", cable.nearAddress, "src", unreachable);
  }
});

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });
}

async function listen(port: number): Promise<Server> {
  const server = createServer((socket) => socket.end());
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "0.0.0.0", resolve));
  return server;
}
