import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { captureFileDefaults, writeCaptureFile } from "../scenarios/capture-file.js";
import { PcapWriter } from "../scenarios/pcap-writer.js";
import { median, rounded, type Benchmark, type BenchmarkOptions, type BenchmarkResult } from "./benchmark.js";
import { childCpuSeconds, isInstalled } from "./child-cpu.js";

const picket = fileURLToPath(new URL("../../../deploy/picket/bin.mjs", import.meta.url));

/** A program that reads a capture file; `aptPackage` is where a peer comes from. */
interface Reader {
  readonly label: string;
  readonly aptPackage?: string;
  command(file: string): readonly string[];
}

const ours: Reader = {
  label: "picket",
  command: (file) => [process.execPath, picket, "analyze", "--meter-only", file],
};
/** softflowd keeps as many flows as we do, and IPv6 too. */
const peers: readonly Reader[] = [
  { label: "tcpdump", aptPackage: "tcpdump", command: (file) => ["tcpdump", "-r", file, "-w", "/dev/null"] },
  {
    label: "softflowd",
    aptPackage: "softflowd",
    command: (file) => ["softflowd", "-6", "-m", "65536", "-r", file],
  },
];

/** CPU of metering a capture file, whole processes, and of an empty file. */
export const meterFile: Benchmark = {
  name: "meter-file",
  summary: "CPU of `picket analyze --meter-only FILE` against tcpdump and softflowd",
  async run(options) {
    const folder = mkdtempSync(join(tmpdir(), "picket-bench-"));
    try {
      return measure(folder, options);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

function measure(folder: string, options: BenchmarkOptions): BenchmarkResult {
  const file = join(folder, "traffic.pcap");
  const empty = join(folder, "empty.pcap");
  const { packets, flows } = options;
  const fileBytes = writeCaptureFile(file, { packets, flows });
  new PcapWriter(empty).close();
  const present = peers.filter((peer) => isInstalled(peer.label));
  const readers = [ours, ...present];
  checkCounts(file, packets);
  const values = new Map(readers.map((reader) => [reader.label, [] as number[]]));
  const emptyValues: number[] = [];
  for (let run = 0; run < options.runs; run++) {
    for (const reader of readers) values.get(reader.label)?.push(childCpuSeconds(reader.command(file)));
    emptyValues.push(childCpuSeconds(ours.command(empty)));
  }
  const medians = new Map([...values].map(([label, list]) => [label, median(list)]));
  const value = medians.get(ours.label) ?? Number.NaN;
  const peerMedians = present.map((peer) => [peer.label, medians.get(peer.label) ?? Number.NaN] as const);
  return {
    metric: "CPU of the whole process, user and system",
    unit: "s",
    measurements: [
      ...[...values].map(([label, list]) => ({ label, values: list })),
      { label: "picket, empty file", values: emptyValues },
    ],
    value,
    peers: Object.fromEntries(peerMedians),
    ratio: Object.fromEntries(peerMedians.map(([label, peer]) => [`picket/${label}`, rounded(value / peer)])),
    apart: { empty_file: rounded(median(emptyValues)) },
    runs: options.runs,
    notes: [
      `${packets} packets, ${flows} flows, ${Math.round(fileBytes / 1e6)} MB, seed ${captureFileDefaults.seed}`,
      ...missingNotes(),
    ],
  };
}

/** A reader that skips packets would be fast for the wrong reason. Also brings the file into memory. */
function checkCounts(file: string, packets: number): void {
  const [program, ...args] = ours.command(file);
  const text = execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  const metered = /metering_packets\W+(\d+)/.exec(text)?.[1];
  if (Number(metered) !== packets) throw new Error(`picket metered ${metered} of ${packets} packets`);
}

function missingNotes(): string[] {
  return peers
    .filter((peer) => !isInstalled(peer.label))
    .map((peer) => `without ${peer.label}: apt-get install ${peer.aptPackage}`);
}
