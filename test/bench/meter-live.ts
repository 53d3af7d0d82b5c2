import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { captureFileDefaults, writeCaptureFile } from "../scenarios/capture-file.js";
import { median, rounded, type Benchmark, type BenchmarkOptions, type BenchmarkResult } from "./benchmark.js";
import { isInstalled } from "./child-cpu.js";
import { FrameSender, type Sent } from "./frame-sender.js";
import { LiveCable } from "./live-cable.js";
import { type LiveCost, type LiveReader, picketMeter, softflowd, tcpdump } from "./live-reader.js";

const packetsPerSecond = 1_000_000;
const seconds = 10;
const peers: readonly LiveReader[] = [tcpdump, softflowd];

/** CPU and losses of metering live packets, against tcpdump and softflowd on the same cable. */
export const meterLive = liveBenchmark("meter-live", captureFileDefaults.ipv6Share, "mixed traffic");

/** The same with every packet over IPv6. */
export const meterLiveIpv6 = liveBenchmark("meter-live-ipv6", 1, "IPv6");

function liveBenchmark(name: string, ipv6Share: number, traffic: string): Benchmark {
  return {
    name,
    summary: `CPU and losses of the meter at a million packets/s of ${traffic}, against tcpdump and softflowd`,
    // As many new flows a packet as in the file of meter-file, and none comes twice.
    defaults: { flows: 12_500 },
    async run(options) {
      const folder = mkdtempSync(join(tmpdir(), "picket-bench-"));
      const cable = new LiveCable();
      try {
        cable.up();
        return await measure(cable, folder, ipv6Share, options);
      } finally {
        cable.down();
        rmSync(folder, { recursive: true });
      }
    },
  };
}

/** One reader's costs, with what was sent for each. */
interface Measured {
  readonly reader: LiveReader;
  readonly costs: LiveCost[];
  readonly sent: Sent[];
}

async function measure(
  cable: LiveCable,
  folder: string,
  ipv6Share: number,
  options: BenchmarkOptions,
): Promise<BenchmarkResult> {
  const sender = new FrameSender(folder);
  const file = join(folder, "traffic.pcap");
  const { packets, flows } = options;
  writeCaptureFile(file, { packets, flows, ipv6Share });
  const readers = [picketMeter, ...peers.filter(({ label }) => isInstalled(label))];
  const all = readers.map((reader): Measured => ({ reader, costs: [], sent: [] }));
  for (let run = 0; run < options.runs; run++)
    for (const { reader, costs, sent } of all)
      costs.push(
        await reader.measure(cable.namespace, cable.interface, folder, async () => {
          const traffic = { kind: "file", file } as const;
          sent.push(await sender.send(cable.namespace, cable.interface, traffic, packetsPerSecond, seconds));
        }),
      );
  const traffic = `${packets} packets, ${flows} flows, seed ${captureFileDefaults.seed}, over and over for ${seconds} s with other addresses each time, passed to the receiving end of a veth pair`;
  return resultOf(all, options.runs, [traffic, `load average ${loadavg().map(rounded).join(" ")}`]);
}

function resultOf(all: readonly Measured[], runs: number, notes: readonly string[]): BenchmarkResult {
  const cpu = (each: Measured) => median(nanosecondsOf(each));
  const [ours, ...others] = all;
  const value = cpu(ours);
  const missing = peers.filter((peer) => others.every(({ reader }) => reader !== peer));
  return {
    metric: "CPU of the whole process, user and system, a packet sent",
    unit: "ns",
    measurements: all.map((each) => ({ label: each.reader.label, values: nanosecondsOf(each) })),
    value,
    peers: Object.fromEntries(others.map((each) => [each.reader.label, cpu(each)])),
    ratio: Object.fromEntries(
      others.map((each) => [`picket/${each.reader.label}`, rounded(value / cpu(each))]),
    ),
    apart: {
      ring_drops: sum(ours.costs.map(({ dropped }) => dropped)),
      unseen: sum(ours.costs.map(({ packets }, run) => ours.sent[run].packets - (packets ?? 0))),
      after_start: rounded(
        median(
          ours.costs.map(
            ({ startSeconds, cpuSeconds }, run) =>
              ((cpuSeconds - startSeconds) * 1e9) / ours.sent[run].packets,
          ),
        ),
      ),
      delay_p999_ms: rounded(Math.max(...ours.costs.map(({ delayMs }) => delayMs ?? 0))),
      rss_mib: rounded(Math.max(...ours.costs.map(({ rssMib }) => rssMib))),
    },
    runs,
    notes: [
      ...notes,
      ...all.flatMap(lossNotes),
      ...missing.map(({ label, aptPackage }) => `without ${label}: apt-get install ${aptPackage}`),
    ],
  };
}

/** By packet, because a busy machine sends fewer in the time. */
function nanosecondsOf({ costs, sent }: Measured): number[] {
  return costs.map(({ cpuSeconds }, run) => (cpuSeconds * 1e9) / sent[run].packets);
}

/** A reader that skips packets would be fast for the wrong reason. */
function lossNotes({ reader, costs, sent: all }: Measured): string[] {
  return costs.map(({ cpuSeconds, packets, dropped, rssMib, delayMs }, run) => {
    const { packets: sent, packetsPerSecond: rate } = all[run];
    const late = delayMs === undefined ? "" : `, event loop p99.9 ${rounded(delayMs)} ms`;
    return (
      `${reader.label}: sent ${sent} at ${Math.round(rate)}/s, saw ${packets ?? "?"}, ` +
      `dropped ${dropped ?? "?"}, ${rounded(cpuSeconds)} s CPU, ${Math.round(rssMib)} MiB${late}`
    );
  });
}

function sum(values: readonly (number | undefined)[]): number {
  return values.reduce<number>((total, value) => total + (value ?? 0), 0);
}
