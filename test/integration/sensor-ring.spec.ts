import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type {
  PacketBlock,
  PacketSourceCounters,
  PacketSourceState,
} from "@picket/sensor/capture/packet-source.js";
import { loadRingBinding, type RingOptions } from "@picket/sensor/capture/ring-binding.js";
import { RingSource, type RingSourceOptions } from "@picket/sensor/capture/ring-source.js";
import { decodeFrame } from "@picket/sensor/decode/decode-frame.js";
import { DecodedPacket, DecodeResult } from "@picket/sensor/decode/decoded-packet.js";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { PcapWriter } from "../scenarios/pcap-writer.js";
import { missingRing } from "./ring-available.js";
import { Cable, temporaryFolder, waitUntil } from "./sensor-harness.js";

if (missingRing !== undefined) process.stderr.write(`sensor-ring: skipped, ${missingRing}\n`);

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });
}

/** A source that runs, and what it told. */
class Capture {
  readonly states: PacketSourceState[] = [];
  /** VLAN id by UDP destination port. */
  readonly ports = new Map<number, number>();
  packets = 0;
  readonly source: RingSource;
  readonly ended: Promise<void>;
  readonly #decoded = new DecodedPacket();

  constructor(options: Partial<RingSourceOptions> & { readonly interface: string }) {
    this.source = new RingSource({ filter: "", snapLengthBytes: 256, ringBytes: 4 << 20, ...options });
    this.ended = this.source.run(
      (block) => this.#take(block),
      (state) => this.states.push(state),
    );
  }

  get state(): string {
    const last = this.states.at(-1);
    return last?.kind === "waiting" ? last.reason : String(last?.kind);
  }

  #take(block: PacketBlock): void {
    this.packets += block.count;
    const { bytes, view, offset, capturedLength, linkType } = block;
    for (let i = 0; i < block.count; i++) {
      const result = decodeFrame(bytes, view, offset[i], capturedLength[i], linkType[i], this.#decoded);
      if (result !== DecodeResult.flow || this.#decoded.protocol !== 17) continue;
      this.ports.set(this.#decoded.destinationPort, this.#decoded.vlanId);
    }
  }
}

/** What came to a ring, read or dropped. */
function sum({ packetsReceived, packetsDropped }: PacketSourceCounters): number {
  return packetsReceived + packetsDropped;
}

/** A datagram from here. */
async function send(address: string, port: number): Promise<void> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.send("x", port, address, () => resolve()));
  await new Promise<void>((resolve) => socket.close(() => resolve()));
}

describe.skipIf(missingRing !== undefined)("a ring", () => {
  const cable = new Cable();
  const folder = temporaryFolder();
  const running: Capture[] = [];
  /** The last one used; others on this machine send to ports of their own. */
  let port = 20_000 + 200 * (process.pid % 100);

  beforeAll(() => cable.up());
  afterAll(() => {
    cable.down();
    folder.remove();
  });
  afterEach(async () => {
    for (const capture of running.splice(0)) await capture.source.stop();
  });

  function capture(options: Partial<RingSourceOptions> = {}): Capture {
    const started = new Capture({ interface: cable.near, ...options });
    running.push(started);
    return started;
  }

  /** Lets the next so many datagrams through and nothing else. */
  function nextPorts(count: number): string {
    return `udp dst portrange ${port + 1}-${port + count}`;
  }

  async function seen(by: Capture, address = cable.farAddress): Promise<number> {
    const wanted = ++port;
    await send(address, wanted);
    await waitUntil(`a datagram to port ${wanted}`, () => by.ports.has(wanted));
    return wanted;
  }

  it("delivers packets with the kernel's time and counts them", async () => {
    // Only the datagram: what else an interface sends may come too late for the ring that is closed.
    const filter = nextPorts(1);
    const [first, second] = [capture({ filter }), capture({ filter })];
    const wanted = await seen(first);
    await waitUntil("the other ring of this process", () => second.ports.has(wanted));
    expect(first.states).toEqual([{ kind: "running" }]);
    await first.source.stop();
    await first.ended;
    expect(first.source.counters.packetsReceived).toBe(first.packets);
    expect(first.source.counters).toMatchObject({ packetsDropped: 0, recordsCorrupt: 0 });
  });

  it("takes only what the filter lets through", async () => {
    const all = capture();
    const some = capture({ filter: "udp port 7" });
    await seen(all);
    await send(cable.farAddress, 7);
    await waitUntil("the datagram of the filter", () => some.ports.has(7));
    expect([...some.ports.keys()]).toEqual([7]);
  });

  it("sees the VLAN tag that the kernel took out", async () => {
    const tagged = capture();
    await seen(tagged);
    cable.replay(writeTagged(folder.path, 40_001, 5));
    await waitUntil("the tagged datagram", () => tagged.ports.has(40_001));
    expect(tagged.ports.get(40_001)).toBe(5);
  });

  it("sees what goes over the loopback interface once, alone and among all", async () => {
    const filter = nextPorts(2);
    const alone = capture({ interface: "lo", filter });
    const all = capture({ interface: "any", filter });
    await seen(alone, "127.0.0.1");
    await waitUntil("the datagram among all", () => all.ports.has(port));
    await seen(all);
    expect([alone.packets, all.packets]).toEqual([1, 2]);
  });

  it("shares the flows with the other rings of its group", async () => {
    const filter = nextPorts(64);
    const group = [1, 2].map(() => capture({ filter, fanoutGroup: process.pid & 0xffff }));
    const whole = capture({ filter });
    const taken = () => group[0].packets + group[1].packets;
    for (let i = 0; i < 64; i++) await send(cable.farAddress, ++port);
    await waitUntil("all datagrams", () => whole.packets >= 64 && taken() >= 64);
    expect(taken()).toBe(64);
    expect(Math.min(...group.map(({ packets }) => packets))).toBeGreaterThan(0);
  });

  it("counts what the kernel drops while nobody reads", async () => {
    const slow = capture({ ringBytes: 1 << 20 });
    await seen(slow);
    // Nothing is read meanwhile: this call holds the event loop.
    execFileSync("ip", ["netns", "exec", cable.namespace, "ping", "-qf", "-c", "10000", cable.nearAddress]);
    await waitUntil("the ring is read", () => slow.packets > 1000);
    await slow.source.stop();
    expect(slow.source.counters.packetsDropped).toBeGreaterThan(0);
    expect(sum(slow.source.counters)).toBeGreaterThanOrEqual(20_000);
    expect(slow.source.freezes).toBeGreaterThan(0);
  });

  it("counts what is left in the ring when it is closed", async () => {
    const before = capture();
    const left = capture();
    await seen(left);
    const stopped = left.source.stop();
    // The deadline of the stop passes in this call, with everything still in the ring.
    execFileSync("ip", ["netns", "exec", cable.namespace, "ping", "-qf", "-c", "10000", cable.nearAddress]);
    await stopped;
    await waitUntil("the other ring has them", () => sum(before.source.counters) >= 10_000);
    expect(left.source.counters.packetsDropped).toBeGreaterThan(0);
    expect(sum(left.source.counters)).toBeGreaterThanOrEqual(10_000);
  });

  it("waits while the interface is down", async () => {
    const waiting = capture();
    await seen(waiting);
    cable.set("down");
    await waitUntil("waiting", () => waiting.state === `interface ${cable.near} is down`);
    cable.set("up");
    await waitUntil("running", () => waiting.state === "running");
    await seen(waiting);
  });

  it("waits while the interface is gone and takes the new one of its name", async () => {
    const waiting = capture();
    await seen(waiting);
    cable.unplug();
    await waitUntil("waiting", () => waiting.state === `interface ${cable.near} is gone`);
    cable.plug();
    await waitUntil("running", () => waiting.state === "running");
    await seen(waiting);
  });

  it("goes by the name when interfaces are renamed", async () => {
    const waiting = capture();
    await seen(waiting);
    cable.set("down");
    ip("link", "set", cable.near, "name", "pkother");
    ip("link", "set", "pkother", "up");
    await waitUntil("waiting", () => waiting.state === `interface ${cable.near} is gone`);
    ip("link", "set", "pkother", "down");
    ip("link", "set", "pkother", "name", cable.near);
    cable.set("up");
    await waitUntil("running", () => waiting.state === "running");
    await seen(waiting);
  });

  it("can be stopped while it waits, and more than once", async () => {
    const waiting = capture({ interface: "pknone" });
    await waitUntil("waiting", () => waiting.state === "interface pknone is gone");
    await Promise.all([waiting.source.stop(), waiting.source.stop()]);
    await waiting.ended;
  });

  it("refuses a filter that is none, and names it", async () => {
    const source = new RingSource({
      interface: cable.near,
      filter: "no such",
      snapLengthBytes: 256,
      ringBytes: 1 << 20,
    });
    await expect(source.run(() => {})).rejects.toMatchObject({ code: "CAPTURE_FAILED", field: "filter" });
  });
});

describe.skipIf(missingRing !== undefined)("the addon", () => {
  const valid: RingOptions = {
    interface: "lo",
    filter: "",
    snapLengthBytes: 256,
    blockBytes: 65_536,
    blockCount: 4,
    retireMs: 20,
    promiscuous: true,
    hardwareTimestamps: false,
    fanoutGroup: -1,
  };
  const wrong: [string, object, string][] = [
    ["an interface that does not exist", { interface: "pknone" }, "ENODEV"],
    ["an interface name that is too long", { interface: "x".repeat(400) }, "ENODEV"],
    ["an empty name", { interface: "" }, "ENODEV"],
    ["a name with a zero in it", { interface: "lo\0" }, "EINVAL"],
    ["a name that is no text", { interface: 7 }, "EINVAL"],
    ["a filter that is none", { filter: "no such filter" }, "EFILTER"],
    ["a filter the kernel cannot hold", { filter: longFilter() }, "EFILTER"],
    ["blocks of no whole pages", { blockBytes: 1000 }, "EINVAL"],
    ["no blocks", { blockCount: 0 }, "EINVAL"],
    ["more bytes than offsets reach", { blockBytes: 1 << 20, blockCount: 4096 }, "EINVAL"],
    ["a missing option", { retireMs: undefined }, "EINVAL"],
    ["a fanout group that is too high", { fanoutGroup: 70_000 }, "EINVAL"],
  ];

  it.each(wrong)("refuses %s and leaves nothing open", (_, change, code) => {
    const binding = loadRingBinding();
    const before = readdirSync("/proc/self/fd").length;
    for (let i = 0; i < 20; i++) {
      let refused: unknown;
      try {
        binding.open({ ...valid, ...change } as RingOptions, never, never);
      } catch (error) {
        refused = (error as NodeJS.ErrnoException).code;
      }
      expect(refused).toBe(code);
    }
    expect(readdirSync("/proc/self/fd")).toHaveLength(before);
    binding.close(binding.open(valid, never, never));
    expect(readdirSync("/proc/self/fd")).toHaveLength(before);
  });

  it("takes the memory back on close, also when closed twice or by its own callback", async () => {
    const binding = loadRingBinding();
    let lengthInside = 0;
    const ring = binding.open(
      valid,
      () => {
        binding.close(ring);
        lengthInside = ring.memory.byteLength;
      },
      never,
    );
    await send("127.0.0.1", 20_000);
    await waitUntil("a block", () => lengthInside > 0);
    expect(lengthInside).toBe(4 * 65_536);
    expect(ring.memory.byteLength).toBe(0);
    binding.close(ring);
    expect(binding.statistics(ring)).toBeUndefined();
  });

  it("refuses what is no ring", () => {
    const binding = loadRingBinding() as unknown as Record<string, (value?: unknown) => void>;
    for (const name of ["close", "statistics"])
      for (const value of [undefined, null, 7, "ring", {}, []])
        expect(() => binding[name](value)).toThrow("this is no ring");
  });

  function never(): void {
    // No packet and no error is waited for.
  }
});

/** A capture file of one datagram with a VLAN tag. */
function writeTagged(folder: string, port: number, vlanId: number): string {
  const path = join(folder, "tagged.pcap");
  const ipv4 = "4500001c0001000040110000c0000201c00002021234";
  const frame = `020000000002020000000001810000000800${ipv4}00000008000000000000`;
  const bytes = Buffer.from(frame, "hex");
  bytes.writeUInt16BE(vlanId, 14);
  bytes.writeUInt16BE(port, 40);
  const writer = new PcapWriter(path);
  const start = writer.frame(1_700_000_000_000_000, bytes.length);
  writer.bytes.set(bytes, start);
  writer.close();
  return path;
}

/** More instructions than the kernel takes. */
function longFilter(): string {
  return Array.from({ length: 300 }, (_, i) => `ip host 10.${i >> 8}.${i & 255}.1`).join(" or ");
}
