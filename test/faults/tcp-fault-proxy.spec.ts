import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { untilReady } from "../servers/until-ready.js";
import { TcpFaultProxy } from "./tcp-fault-proxy.js";

/** What one end of a connection has heard. */
class Ear {
  heard = 0;
  end: "open" | "ended" | "reset" = "open";

  constructor(readonly socket: Socket) {
    socket.on("data", (bytes) => (this.heard += bytes.length));
    socket.on("end", () => (this.end = "ended"));
    socket.on("error", () => (this.end = "reset"));
  }
}

describe("a proxy with faults", () => {
  let server: Server;
  let proxy: TcpFaultProxy;
  const sockets: Socket[] = [];
  const served: Ear[] = [];

  beforeEach(async () => {
    server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(socket);
      served.push(new Ear(socket));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    proxy = await TcpFaultProxy.start((server.address() as AddressInfo).port);
  });

  afterEach(async () => {
    await proxy.stop();
    for (const socket of sockets.splice(0)) socket.destroy();
    served.length = 0;
    server.close();
  });

  /** Both ends of a new connection through the proxy. */
  async function open(): Promise<{ client: Ear; other: Ear }> {
    const before = served.length;
    const socket = connect({ port: proxy.port, host: "127.0.0.1", allowHalfOpen: true });
    sockets.push(socket);
    const client = new Ear(socket);
    await untilReady("the server has the connection", 20_000, () => served.length > before);
    return { client, other: served[before] };
  }

  const heard = (ear: Ear, bytes: number): Promise<void> =>
    untilReady(`${bytes} bytes are heard`, 30_000, () => ear.heard >= bytes);

  it("without faults hands on bytes and ends of both directions", async () => {
    const { client, other } = await open();
    client.socket.end(Buffer.alloc(1_000_000));
    await heard(other, 1_000_000);
    await untilReady("the end is heard", 20_000, () => other.end === "ended");
    other.socket.end("answer");
    await heard(client, 6);
    await untilReady("both are closed", 20_000, () => client.end === "ended" && proxy.open === 0);
    expect(proxy.counters).toEqual({ connections: 1, bytesUp: 1_000_000, bytesDown: 6, resets: 0 });
  });

  it("delays one direction only", async () => {
    const { client, other } = await open();
    proxy.set("up", { latencyMs: 1000 });
    const startMs = performance.now();
    other.socket.write("down");
    await heard(client, 4);
    expect(performance.now() - startMs).toBeLessThan(900);
    const sentMs = performance.now();
    client.socket.write("up");
    await heard(other, 2);
    expect(performance.now() - sentMs).toBeGreaterThanOrEqual(995);
  });

  it("slows a direction to a rate", async () => {
    const { client, other } = await open();
    proxy.set("up", { bytesPerSecond: 200_000 });
    const startMs = performance.now();
    client.socket.write(Buffer.alloc(100_000));
    await heard(other, 100_000);
    const tookMs = performance.now() - startMs;
    expect(tookMs).toBeGreaterThan(400);
    expect(tookMs).toBeLessThan(10_000);
  });

  it("holds the sender of a dead direction, and gives on what was sent when it lives again", async () => {
    const { client, other } = await open();
    proxy.set("up", { isDead: true });
    client.socket.write(Buffer.alloc(16 << 20));
    other.socket.write("still heard");
    await heard(client, 11);
    expect(other.heard).toBe(0);
    expect(client.socket.writableLength).toBeGreaterThan(0);
    await proxy.heal();
    await heard(other, 16 << 20);
  });

  it("keeps a half-open connection: the end of one side does not reach the other", async () => {
    const { client, other } = await open();
    proxy.set("up", { isDead: true });
    client.socket.destroy();
    other.socket.write("to nobody");
    await untilReady("it went out", 20_000, () => proxy.counters.bytesDown > 0);
    expect(other.end).toBe("open");
  });

  it("cuts a connection after exactly so many bytes", async () => {
    const { client, other } = await open();
    proxy.set("up", { cutAfterBytes: 1000 });
    client.socket.write(Buffer.alloc(5000));
    // Bytes and a reset that are read at once look like bytes and an end.
    await untilReady("both ends hear of it", 20_000, () => client.end === "reset" && other.end !== "open");
    expect(other.heard).toBeLessThanOrEqual(1000);
    expect(proxy.counters).toMatchObject({ bytesUp: 1000, resets: 1 });
    const again = await open();
    again.client.socket.write(Buffer.alloc(5000));
    await heard(again.other, 5000);
  });

  it("resets what is open, and refuses new connections until healed", async () => {
    const { client, other } = await open();
    await proxy.refuse();
    client.socket.write("goes on");
    await heard(other, 7);
    const refused = connect(proxy.port, "127.0.0.1");
    const [error] = (await once(refused, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNREFUSED");
    proxy.reset();
    await untilReady("both ends are reset", 2000, () => client.end === "reset" && other.end === "reset");
    await proxy.heal();
    await open();
  });
});
