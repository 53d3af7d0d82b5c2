import { execFileSync, spawn } from "node:child_process";

const replayMaxMs = 60_000;

/** What tcpreplay sent. */
export interface Replay {
  readonly packets: number;
  readonly packetsPerSecond: number;
}

/** A veth pair between two network namespaces of its own: nothing else is on it. */
export class LiveCable {
  readonly namespace = `pkb${process.pid}r`;
  readonly interface = "near";
  readonly #sender = `pkb${process.pid}s`;

  up(): void {
    const { namespace } = this;
    for (const name of [namespace, this.#sender]) {
      ip("netns", "add", name);
      // No neighbour discovery of the interfaces themselves.
      for (const scope of ["all", "default"])
        ip("netns", "exec", name, "sysctl", "-qw", `net.ipv6.conf.${scope}.disable_ipv6=1`);
    }
    ip("-n", namespace, "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", this.#sender);
    // Larger than any frame of the file.
    ip("-n", namespace, "link", "set", "near", "mtu", "9000", "up");
    ip("-n", this.#sender, "link", "set", "far", "mtu", "9000", "up");
  }

  down(): void {
    for (const name of [this.namespace, this.#sender]) {
      try {
        ip("netns", "del", name);
      } catch {
        // It was never made.
      }
    }
  }

  /** Sends the file over and over. Throws an Error when tcpreplay fails. */
  async replay(file: string, packetsPerSecond: number, seconds: number): Promise<Replay> {
    const pace = [`--pps=${packetsPerSecond}`, "--loop=0", `--duration=${seconds}`];
    const options = ["-q", "-K", ...pace, "-i", "far", file];
    const child = spawn("ip", ["netns", "exec", this.#sender, "tcpreplay", ...options], {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: replayMaxMs,
    });
    let text = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
    await new Promise((resolve) => child.once("close", resolve));
    const sent = /Actual: (\d+) packets/.exec(text)?.[1];
    const rate = /([\d.]+) pps/.exec(text)?.[1];
    if (sent === undefined || rate === undefined) throw new Error(`tcpreplay failed: ${text.trim()}`);
    return { packets: Number(sent), packetsPerSecond: Number(rate) };
  }
}

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });
}
