import { readFileSync } from "node:fs";
import type { ListeningPorts } from "../metering/listening-ports.js";
import { SocketState, SocketTableReader, type TableSocket } from "./socket-table.js";

const protocolTcp = 6;
const protocolUdp = 17;
/** About 100,000 sockets: whoever has more is not told which ports are closed. */
const tableBytesMax = 16 << 20;
const socketsMax = 32_768;
/** A service that is being restarted listens. */
const rememberedUs = 60_000_000;

interface OpenPort {
  readonly protocol: number;
  readonly port: number;
  readonly words: readonly [number, number, number, number];
  seenUs: number;
}

/**
 * The open ports of this host (of this process' network namespace) from the
 * kernel's tables, and those of the last minute. TCP: listening sockets. UDP:
 * every socket, connected or not: the port is taken.
 *
 * The kernel lists listening TCP sockets before all others, which makes the
 * tables cheap to read whatever the number of connections. That is proved by
 * reading to the end until both kinds were seen in this order; a table in
 * another order is always read to its end.
 */
export class ListeningSockets {
  /** Ports that services listen on now: TCP, and UDP outside the range of clients. */
  servicePorts = 0;
  private readonly reader = new SocketTableReader(tableBytesMax);
  private readonly open = new Map<string, OpenPort>();
  private readonly order = new Map<string, "unknown" | "listeningFirst" | "other">();

  /** `folder`: where the tables are. */
  constructor(private readonly folder = "/proc/self/net") {}

  /** Fills `ports` with what is open at `nowUs` and was in the last minute; false when that cannot be told. */
  read(ports: ListeningPorts, nowUs: number): boolean {
    this.readClientRange(ports);
    const isRead = ["tcp", "tcp6", "udp", "udp6"].every((name) => this.readTable(name, nowUs));
    if (!isRead || this.open.size > socketsMax) {
      this.servicePorts = 0;
      return false;
    }
    this.fill(ports, nowUs);
    return true;
  }

  private readTable(name: string, nowUs: number): boolean {
    const path = `${this.folder}/${name}`;
    const result = name.startsWith("tcp")
      ? this.readTcp(path, nowUs)
      : this.reader.read(path, (socket) => this.note(protocolUdp, socket, nowUs));
    // Without IPv6 there is no table of it.
    return result === "read" || result === "stopped" || (result === "missing" && name.endsWith("6"));
  }

  private readTcp(path: string, nowUs: number): string {
    const order = this.order.get(path) ?? "unknown";
    let isListeningSeen = false;
    let isOtherSeen = false;
    const result = this.reader.read(path, (socket) => {
      // Half-open connections are listed with their listening socket by old kernels.
      if (socket.state === SocketState.synReceived) return true;
      if (socket.state !== SocketState.listening) {
        isOtherSeen = true;
        return order !== "listeningFirst";
      }
      if (isOtherSeen) this.order.set(path, "other");
      isListeningSeen = true;
      return this.note(protocolTcp, socket, nowUs);
    });
    const isProved = isListeningSeen && isOtherSeen && (this.order.get(path) ?? "unknown") === "unknown";
    if (isProved) this.order.set(path, "listeningFirst");
    return result;
  }

  private note(protocol: number, socket: TableSocket, nowUs: number): boolean {
    const { port, word0, word1, word2, word3 } = socket;
    const key = `${protocol} ${port} ${word0} ${word1} ${word2} ${word3}`;
    const known = this.open.get(key);
    if (known !== undefined) known.seenUs = nowUs;
    else this.open.set(key, { protocol, port, words: [word0, word1, word2, word3], seenUs: nowUs });
    return this.open.size <= socketsMax;
  }

  private fill(ports: ListeningPorts, nowUs: number): void {
    const services = new Set<number>();
    ports.clear();
    for (const [key, { protocol, port, words, seenUs }] of this.open) {
      // A clock that was set back makes what was seen later old, too.
      if (Math.abs(nowUs - seenUs) > rememberedUs) this.open.delete(key);
      else ports.add(protocol, port, ...words);
      const isClient =
        protocol === protocolUdp && port >= ports.ephemeralFirst && port <= ports.ephemeralLast;
      if (seenUs === nowUs && !isClient) services.add((protocol << 16) | port);
    }
    this.servicePorts = services.size;
    ports.observedUs = nowUs;
  }

  private readClientRange(ports: ListeningPorts): void {
    const text = readText("/proc/sys/net/ipv4/ip_local_port_range");
    const [first, last] = (text ?? "").trim().split(/\s+/).map(Number);
    if (first > 0 && last >= first) [ports.ephemeralFirst, ports.ephemeralLast] = [first, last];
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
