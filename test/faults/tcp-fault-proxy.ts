import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { FaultyPipe, noFaults } from "./faulty-pipe.js";
import type { DirectionFaults } from "./faulty-pipe.js";

/** "up": from the client to the server; "down": back. */
export type Direction = "up" | "down";

/** What went through a proxy. */
export interface FaultProxyCounters {
  connections: number;
  bytesUp: number;
  bytesDown: number;
  /** Connections ended by `reset` and by cuts. */
  resets: number;
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  readonly pipes: readonly FaultyPipe[];
}

/**
 * A TCP server on loopback that hands connections on to another one and does to
 * them what networks do, by direction and while they run. It knows nothing of
 * what is said.
 */
export class TcpFaultProxy {
  readonly counters: FaultProxyCounters = { connections: 0, bytesUp: 0, bytesDown: 0, resets: 0 };
  readonly #faults: Record<Direction, DirectionFaults> = { up: noFaults(), down: noFaults() };
  readonly #links = new Set<Link>();
  #server: Server | undefined;
  #port = 0;

  private constructor(private readonly targetPort: number) {}

  /** Listens on a free port, or the one given, for connections to a port of loopback. */
  static async start(targetPort: number, port = 0): Promise<TcpFaultProxy> {
    const proxy = new TcpFaultProxy(targetPort);
    proxy.#port = port;
    await proxy.accept();
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  /** Connections that are open on the client's side. */
  get open(): number {
    return this.#links.size;
  }

  /** Changes the faults of a direction, for open connections as well as new ones. */
  set(direction: Direction | "both", faults: Partial<DirectionFaults>): void {
    for (const each of direction === "both" ? (["up", "down"] as const) : [direction])
      Object.assign(this.#faults[each], faults);
    this.#pump();
  }

  /** No fault any more; what a dead direction held back goes on. */
  async heal(): Promise<void> {
    this.set("both", noFaults());
    await this.accept();
  }

  /** Ends every connection with a reset on both sides. */
  reset(): void {
    for (const link of this.#links) this.#reset(link);
  }

  /** New connections are refused; open ones go on. */
  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    // The callback waits for open connections; the port is closed at once.
    server?.close();
    await Promise.resolve();
  }

  /** Takes connections again after `refuse`. */
  async accept(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#open(client));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, "127.0.0.1", resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async stop(): Promise<void> {
    await this.refuse();
    this.reset();
  }

  #open(client: Socket): void {
    this.counters.connections++;
    const server = connect({ port: this.targetPort, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    const cut = (): void => this.#reset(link);
    const pipes = [
      new FaultyPipe(client, server, this.#faults.up, (bytes) => (this.counters.bytesUp += bytes), cut),
      new FaultyPipe(server, client, this.#faults.down, (bytes) => (this.counters.bytesDown += bytes), cut),
    ];
    const link: Link = { client, server, pipes };
    this.#links.add(link);
    this.#follow(link, client, server, "up");
    this.#follow(link, server, client, "down");
  }

  /** The end of one side reaches the other unless their direction is dead: then that one never hears of it. */
  #follow(link: Link, socket: Socket, other: Socket, direction: Direction): void {
    socket.on("error", () => {
      if (!this.#faults[direction].isDead) resetNow(other);
    });
    socket.on("close", () => {
      if (link.client.destroyed && link.server.destroyed) this.#forget(link);
    });
  }

  #reset(link: Link): void {
    this.counters.resets++;
    resetNow(link.client);
    resetNow(link.server);
    this.#forget(link);
  }

  #forget(link: Link): void {
    for (const pipe of link.pipes) pipe.close();
    this.#links.delete(link);
  }

  #pump(): void {
    for (const link of this.#links) for (const pipe of link.pipes) pipe.pump();
  }
}

/** RST at once: `resetAndDestroy` waits for what is still to be written, which may be for ever. */
function resetNow(socket: Socket): void {
  Object.assign(socket, { resetAndClosing: true });
  socket.destroy();
}
