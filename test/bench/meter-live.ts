import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { captureFileDefaults, writeCaptureFile } from "../scenarios/capture-file.js";
import { median, rounded, type Benchmark, type BenchmarkOptions, type BenchmarkResult } from "./benchmark.js";
import { isInstalled } from "./child-cpu.js";
import { LiveCable, type Replay } from "./live-cable.js";
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
  readonly replays: Replay[];
}

async function measure(
  cable: LiveCable,
  folder: string,
  ipv6Share: number,
  options: BenchmarkOptions,
): Promise<BenchmarkResult> {
  if (!isInstalled("tcpreplay")) throw new Error("tcpreplay is missing: apt-get install tcpreplay");
  const file = join(folder, "traffic.pcap");
  const { packets, flows } = options;
  writeCaptureFile(file, { packets, flows, ipv6Share });
  const readers = [picketMeter, ...peers.filter(({ label }) => isInstalled(label))];
  const all = readers.map((reader): Measured => ({ reader, costs: [], replays: [] }));
  for (let run = 0; run < options.runs; run++)
    for (const { reader, costs, replays } of all)
      costs.push(
        await reader.measure(cable.namespace, cable.interface, folder, async () => {
          replays.push(await cable.replay(file, packetsPerSecond, seconds));
        }),
      );
  const traffic = `${packets} packets, ${flows} flows, seed ${captureFileDefaults.seed}, over and over for ${seconds} s`;
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
      unseen: sum(ours.costs.map(({ packets }, run) => ours.replays[run].packets - (packets ?? 0))),
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
function nanosecondsOf({ costs, replays }: Measured): number[] {
  return costs.map(({ cpuSeconds }, run) => (cpuSeconds * 1e9) / replays[run].packets);
}

/** A reader that skips packets would be fast for the wrong reason. */
function lossNotes({ reader, costs, replays }: Measured): string[] {
  return costs.map(({ cpuSeconds, packets, dropped, rssMib, delayMs }, run) => {
    const { packets: sent, packetsPerSecond: rate } = replays[run];
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
