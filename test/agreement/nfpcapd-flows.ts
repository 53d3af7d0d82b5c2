import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { addPackets, endText, flowKey, type MeasuredFlow, newFlow } from "./measured-flow.js";
import { icmpKeyPort, isIcmpError } from "./icmp-definitions.js";

/** Seconds; the longest nfpcapd takes. */
const timeoutSeconds = 3600;

/** A record of nfdump's JSON; only what is read. */
interface NfdumpRecord {
  readonly first: string;
  readonly last: string;
  readonly in_packets: number;
  readonly in_bytes: number;
  readonly proto: number;
  readonly src_port?: number;
  readonly dst_port?: number;
  readonly icmp_type?: number;
  readonly icmp_code?: number;
  readonly src4_addr?: string;
  readonly dst4_addr?: string;
  readonly src6_addr?: string;
  readonly dst6_addr?: string;
}

/** What nfpcapd and nfdump say of a capture file, milliseconds exact. */
export interface NfpcapdRun {
  readonly flows: readonly MeasuredFlow[];
  /** Packets of ICMP errors, which are flows to nfpcapd. */
  readonly icmpErrorPackets: number;
}

/** Meters a capture file (not gzipped) by nfpcapd into a new folder below `folder`. Throws an Error when it fails. */
export function nfpcapdFlows(path: string, folder: string): NfpcapdRun {
  const output = join(folder, "nfpcapd");
  mkdirSync(output);
  run("nfpcapd", ["-r", path, "-w", output, "-e", `${timeoutSeconds},${timeoutSeconds}`, "-s", "65535"]);
  const text = run("nfdump", ["-R", output, "-o", "json"]);
  // Without a single flow nfdump says so in words.
  const records = (text.includes("{") ? JSON.parse(text) : []) as NfdumpRecord[];
  const errors = records.filter((record) => isIcmpError(record.proto, record.icmp_type ?? -1));
  return {
    flows: records.filter((record) => !errors.includes(record)).map(flowOf),
    icmpErrorPackets: errors.reduce((sum, record) => sum + record.in_packets, 0),
  };
}

function run(program: string, options: readonly string[]): string {
  const child = spawnSync(program, options, {
    encoding: "utf8",
    env: { ...process.env, TZ: "UTC" },
    maxBuffer: 2 ** 28,
    timeout: 60_000,
  });
  if (child.status === 0) return child.stdout;
  throw new Error(`${program} ${options.join(" ")} failed: ${child.error?.message ?? child.stderr.trim()}`);
}

/** nfpcapd's flows have one direction. */
function flowOf(record: NfdumpRecord): MeasuredFlow {
  const { proto } = record;
  const isIcmp = record.icmp_type !== undefined;
  const icmpPort = isIcmp ? icmpKeyPort(proto, record.icmp_type ?? 0, record.icmp_code ?? 0) : 0;
  const source = endText(
    record.src4_addr ?? record.src6_addr ?? "",
    isIcmp ? icmpPort : (record.src_port ?? 0),
  );
  const destination = endText(
    record.dst4_addr ?? record.dst6_addr ?? "",
    isIcmp ? icmpPort : (record.dst_port ?? 0),
  );
  const { key, direction } = flowKey(proto, source, destination);
  const flow = newFlow(key);
  const [startUs, endUs] = [record.first, record.last].map((time) => Date.parse(`${time}Z`) * 1000);
  addPackets(flow, direction, record.in_packets, record.in_bytes, startUs, endUs);
  return flow;
}
