/** Where live packets come from: the kernel's ring (Linux), npm cap, or the best of them. */
export type CaptureChoice = "auto" | CaptureBackend;
export type CaptureBackend = "ring" | "cap";

/** What the meter process is told; times in milliseconds as in the policy. */
export interface MeterSettings extends MeterPolicy {
  readonly interface: string;
  readonly capture: CaptureChoice;
  /** Memory of the ring, shared with the kernel. */
  readonly ringBytes: number;
  /** Packets for others too, as far as the network lets them come; npm cap always takes them. */
  readonly promiscuous: boolean;
  /** libpcap filter expression; empty captures everything. */
  readonly filter: string;
  /** Bytes captured of each packet. */
  readonly snapLengthBytes: number;
  /** Flows that are live at once. */
  readonly tableFlowsMax: number;
  /** Most bytes that wait for the exporter. */
  readonly pipeBytesMax: number;
}

/** What the policy may change while the meter runs. */
export interface MeterPolicy {
  readonly activeTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly holdTimeoutMs: number;
  /** Host names from DNS and TLS are kept, and how many a second. */
  readonly hostNames: boolean;
  readonly hostNamesPerSecond: number;
}

/** Defaults of everything but the interface. */
export const meterDefaults: Omit<MeterSettings, "interface"> = {
  capture: "auto",
  ringBytes: 20 << 20,
  promiscuous: true,
  filter: "",
  snapLengthBytes: 384,
  activeTimeoutMs: 60_000,
  idleTimeoutMs: 30_000,
  holdTimeoutMs: 1500,
  hostNames: true,
  hostNamesPerSecond: 1000,
  tableFlowsMax: 65_536,
  pipeBytesMax: 8 << 20,
};

/**
 * Flags of Node.js for the meter. It makes no garbage per packet, so that a young
 * generation of 1 MiB is enough: 6 MiB less memory for the same CPU.
 */
export const meterNodeFlags: readonly string[] = ["--max-semi-space-size=1"];

/** Its environment beside ours: one arena for all threads of glibc, 5 MiB less; it allocates little. */
export const meterEnvironment: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: "1" };

/** One line of JSON on the meter's standard input. Its end stops the meter. */
export type MeterControl =
  | { readonly kind: "start"; readonly settings: MeterSettings }
  | { readonly kind: "policy"; readonly policy: MeterPolicy };

/** Why the meter could not capture: the last frame before it ends. */
export interface MeterFailure {
  readonly reason: string;
  /** The interface can be opened without the filter. */
  readonly isFilter: boolean;
}

/** What the meter captures with: told once, before the first state. */
export interface MeterBackend {
  readonly backend: CaptureBackend;
  /** Why not with a better one; empty when this is the best. */
  readonly reason: string;
}

/** Every counter by its name in snake case. */
export type SensorCounters = Readonly<Record<string, number>>;

/** Numbers of an object by their names in snake case. */
export function snakeCaseCounters(value: object): Record<string, number> {
  const counters: Record<string, number> = {};
  for (const [key, entry] of Object.entries(value) as [string, unknown][]) {
    const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    if (typeof entry === "number") counters[name] = entry;
  }
  return counters;
}

/** What goes on counting in the process that comes after: all but what is live in this one. */
export function withoutGauges(counters: SensorCounters): SensorCounters {
  return Object.fromEntries(Object.entries(counters).filter(([name]) => !name.endsWith("_live")));
}

/** The sum of two sets of counters. */
export function addCounters(a: SensorCounters, b: SensorCounters): SensorCounters {
  const sum: Record<string, number> = { ...a };
  for (const [name, value] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + value;
  return sum;
}
