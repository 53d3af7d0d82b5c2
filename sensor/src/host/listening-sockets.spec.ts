import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { networkInterfaces, platform, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ListeningPorts } from "../metering/listening-ports.js";
import { ListeningSockets } from "./listening-sockets.js";

const secondUs = 1_000_000;
const loopback = Int32Array.of(0, 0, 0xffff, 0x7f00_0001);
const elsewhere = Int32Array.of(0, 0, 0xffff, 0x0a00_0001);
const hasIpv6 = Object.values(networkInterfaces()).some((entries) =>
  entries?.some((e) => e.address === "::1"),
);

describe.skipIf(platform() !== "linux")("open ports of this host", () => {
  it("appear when a service listens and stay for a minute after it ended", async () => {
    const [sockets, ports] = [new ListeningSockets(), new ListeningPorts()];
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    expect(sockets.read(ports, 100 * secondUs)).toBe(true);
    expect(ports.observedUs).toBe(100 * secondUs);
    expect(sockets.servicePorts).toBeGreaterThan(0);
    expect(ports.has(6, port, loopback, 0)).toBe(true);
    expect(ports.has(6, port, elsewhere, 0)).toBe(false);
    expect(ports.has(17, port, loopback, 0)).toBe(false);
    await new Promise<unknown>((resolve) => server.close(resolve));
    sockets.read(ports, 160 * secondUs);
    expect(ports.has(6, port, loopback, 0)).toBe(true);
    sockets.read(ports, 161 * secondUs);
    expect(ports.has(6, port, loopback, 0)).toBe(false);
  });

  it.skipIf(!hasIpv6)("bound to every address of IPv6 are open to IPv4, too", async () => {
    const [sockets, ports] = [new ListeningSockets(), new ListeningPorts()];
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "::", resolve));
    sockets.read(ports, 0);
    const { port } = server.address() as AddressInfo;
    expect(ports.has(6, port, elsewhere, 0)).toBe(true);
    expect(ports.has(6, port, Int32Array.of(0, 0, 0, 1), 0)).toBe(true);
    await new Promise<unknown>((resolve) => server.close(resolve));
  });

  it("of UDP are all that are taken, connected or not", async () => {
    const [sockets, ports] = [new ListeningSockets(), new ListeningPorts()];
    const [service, client] = [createSocket("udp4"), createSocket("udp4")];
    await new Promise<void>((resolve) => service.bind(0, "0.0.0.0", resolve));
    await new Promise<void>((resolve) => client.connect(service.address().port, "127.0.0.1", resolve));
    sockets.read(ports, 0);
    expect(ports.has(17, service.address().port, elsewhere, 0)).toBe(true);
    expect(ports.has(17, client.address().port, loopback, 0)).toBe(true);
    service.close();
    client.close();
  });
});

describe("tables of sockets", () => {
  const folder = mkdtempSync(join(tmpdir(), "picket-listening-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  const line = (port: number, state: string): string =>
    `   0: 00000000:${port.toString(16).padStart(4, "0")} 00000000:0000 ${state} 00000000:00000000\n`;
  const write = (name: string, ...lines: string[]): void =>
    writeFileSync(join(folder, name), `  sl  local_address\n${lines.join("")}`);

  it("are read to the end until it is proved that listening sockets come first", () => {
    const [sockets, ports] = [new ListeningSockets(folder), new ListeningPorts()];
    write("udp");
    write("tcp", line(22, "0A"));
    expect(sockets.read(ports, 0)).toBe(true);
    write("tcp", line(22, "0A"), line(40_000, "01"), line(80, "0A"));
    sockets.read(ports, 1);
    expect(ports.has(6, 80, elsewhere, 0)).toBe(true);
    write("tcp", line(22, "0A"), line(40_000, "01"), line(81, "0A"));
    sockets.read(ports, 2);
    expect(ports.has(6, 81, elsewhere, 0)).toBe(true);
  });

  it("in the usual order are read as far as needed", () => {
    const [sockets, ports] = [new ListeningSockets(folder), new ListeningPorts()];
    write("tcp", line(22, "0A"), line(40_000, "01"));
    sockets.read(ports, 0);
    write("tcp", line(22, "0A"), line(40_000, "01").repeat(400_000));
    expect(sockets.read(ports, 1)).toBe(true);
    expect(sockets.servicePorts).toBe(1);
    // Nothing was proved to this one.
    expect(new ListeningSockets(folder).read(ports, 1)).toBe(false);
  });

  it("that are not there tell nothing", () => {
    const sockets = new ListeningSockets(join(folder, "none"));
    expect(sockets.read(new ListeningPorts(), 0)).toBe(false);
    expect(sockets.servicePorts).toBe(0);
  });
});
