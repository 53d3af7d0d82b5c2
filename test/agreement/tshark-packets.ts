import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** Everything that is asked of tshark, in this order. */
const fields = [
  "frame.time_epoch",
  "frame.protocols",
  "ip.src",
  "ip.dst",
  "ip.len",
  "ip.proto",
  "ip.frag_offset",
  "ipv6.src",
  "ipv6.dst",
  "ipv6.plen",
  "ipv6.fraghdr.offset",
  "tcp.srcport",
  "tcp.dstport",
  "tcp.stream",
  "tcp.flags",
  "udp.srcport",
  "udp.dstport",
  "sctp.srcport",
  "sctp.dstport",
  "icmp.type",
  "icmp.code",
  "icmpv6.type",
  "icmpv6.code",
] as const;

/** Fragments apart, nothing put together, no names looked up. */
const options = [
  "-n",
  "-o",
  "ip.defragment:FALSE",
  "-o",
  "ipv6.defragment:FALSE",
  "-o",
  "tcp.desegment_tcp_streams:FALSE",
];

/** Name of a field of a packet. */
export type TsharkField = (typeof fields)[number];

/** One packet as tshark dissects it: every occurrence of each field, outermost first. */
export class TsharkPacket {
  private readonly cells: readonly string[];

  constructor(line: string) {
    this.cells = line.split("\t");
  }

  /** The values of a field; none when the packet has no such layer. */
  all(field: TsharkField): string[] {
    const cell = this.cells[fields.indexOf(field)];
    return cell === undefined || cell === "" ? [] : cell.split(",");
  }

  /** Microseconds since the Unix epoch; what is finer is cut off. */
  get timeUs(): number {
    const [seconds, fraction = ""] = this.cells[0].split(".");
    return Number(seconds) * 1_000_000 + Number(fraction.padEnd(6, "0").slice(0, 6));
  }

  /** Names of the layers, outermost first. */
  get layers(): string[] {
    return this.cells[1].split(":");
  }
}

/** Reads a capture file through tshark. Throws an Error with its last line when it fails. */
export async function tsharkPackets(path: string): Promise<TsharkPacket[]> {
  const columns = fields.flatMap((field) => ["-e", field]);
  const child = spawn("tshark", ["-r", path, ...options, "-T", "fields", "-E", "occurrence=a", ...columns], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-4096)));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const packets: TsharkPacket[] = [];
  for await (const line of createInterface({ input: child.stdout })) packets.push(new TsharkPacket(line));
  const code = await ended;
  // 2: the file is cut short; what is before the cut was read.
  if (code !== 0 && packets.length === 0)
    throw new Error(`tshark ${path} failed: ${errors.trim().split("\n").at(-1)}`);
  return packets;
}
