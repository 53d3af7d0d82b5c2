import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { PicketError } from "@picket/proto/picket-error.js";
import type { FlowTotals } from "../export/gap.js";
import { decodeMeteredBatch, type MeteredBatch } from "./live-batch.js";
import { FrameReader, FrameType } from "./live-frames.js";
import {
  interfaceIndex,
  interfaceState,
  requireCapturePermission,
  resolveInterface,
} from "./live-interfaces.js";
import { MeterBackoff } from "./live-backoff.js";
import { captureOnlyPrefix } from "./live-privileges.js";
import {
  addCounters,
  type CaptureBackend,
  meterDefaults,
  type MeterBackend,
  type MeterControl,
  type MeterFailure,
  meterEnvironment,
  meterNodeFlags,
  type MeterSettings,
  type SensorCounters,
  withoutGauges,
} from "./live-settings.js";
import type { PacketSourceState } from "./packet-source.js";

/** What a live meter tells. Payloads are valid during the call. */
export interface LiveMeterEvents {
  /** A batch without epoch and sequence. */
  onBatch(batch: MeteredBatch): void;
  /** Every second: sums over all meter processes so far. */
  onCounters?(counters: SensorCounters): void;
  onState?(state: PacketSourceState): void;
  /** What was lost before it became a batch of ours; 0 records: unknown. */
  onLoss?(reason: "pipe_full" | "crash", totals: FlowTotals): void;
  /** Something an operator should know; rate limited by its rarity. */
  onWarning?(line: string): void;
}

/** npm cap aborts by itself when its interface goes down: this is for what it misses. */
const watchIntervalMs = 2000;
const waitIntervalMs = 500;
const stopDeadlineMs = 6000;
const stderrBytesMax = 4096;
/** Different warnings of meters that are passed on. */
const warningsMax = 16;

/**
 * Captures and meters an interface in a child process, and starts another one
 * when it ends: npm cap aborts its process when the interface goes down. The
 * ring lives through that and keeps its flows.
 */
export class LiveMeter {
  /** Meter processes started after one that ended by itself. */
  restarts = 0;
  #settings: MeterSettings;
  #child: ChildProcess | undefined;
  #state: PacketSourceState = { kind: "waiting", reason: "starting" };
  #past: SensorCounters = {};
  #current: SensorCounters = {};
  #lastSignUs = 0;
  #failure: MeterFailure | undefined;
  #stderr = "";
  #interfaceIndex = 0;
  #refusedFilter: string | undefined;
  #backend: MeterBackend = { backend: "cap", reason: "" };
  #isStopping = false;
  #isReplacing = false;
  /** What is put in front of the meter's command, found out once. */
  #prefix: readonly string[] | undefined;
  readonly #warned = new Set<string>();
  readonly #backoff = new MeterBackoff();
  #launchTimer: NodeJS.Timeout | undefined;
  #watchTimer: NodeJS.Timeout | undefined;
  #onEnded: () => void = () => {};

  /** `interface` empty: the one of the default route. Everything else has a default. */
  constructor(
    settings: Partial<MeterSettings>,
    private readonly events: LiveMeterEvents,
  ) {
    this.#settings = { ...meterDefaults, interface: "", ...settings };
  }

  get interface(): string {
    return this.#settings.interface;
  }

  get state(): PacketSourceState {
    return this.#state;
  }

  /** What the meter captures with, or did last. */
  get backend(): CaptureBackend {
    return this.#backend.backend;
  }

  /** Process number of the meter, while there is one. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get counters(): SensorCounters {
    return { ...addCounters(this.#past, this.#current), meter_restarts: this.restarts };
  }

  /** What is wrong although packets are captured. */
  get fault(): string | undefined {
    return this.#refusedFilter === undefined
      ? undefined
      : `filter "${this.#refusedFilter}" is refused: capturing everything`;
  }

  /** Throws PicketError INTERFACE_UNKNOWN, CAPTURE_DENIED or CAPTURE_FAILED; starts nothing. */
  check(): void {
    this.#settings = { ...this.#settings, interface: resolveInterface(this.#settings.interface) };
    requireCapturePermission();
    meterEntry();
  }

  /** Throws what `check` throws, before anything is started. */
  start(): void {
    this.check();
    this.#watchTimer = setInterval(() => this.#watch(), watchIntervalMs);
    this.#launch();
  }

  /** New settings: timeouts and host names are told to the meter, a filter or snap length starts another one. */
  update(change: Partial<Omit<MeterSettings, "interface">>): void {
    const before = this.#settings;
    const wanted = change.filter ?? before.filter;
    const isRefused = wanted === this.#refusedFilter;
    if (!isRefused && change.filter !== undefined) this.#refusedFilter = undefined;
    const filter = isRefused ? before.filter : wanted;
    const after = { ...before, ...change, filter };
    if (JSON.stringify(before) === JSON.stringify(after)) return;
    this.#settings = after;
    if (this.#child === undefined) return;
    if (before.filter !== after.filter || before.snapLengthBytes !== after.snapLengthBytes) {
      this.#isReplacing = true;
      this.#setState({ kind: "waiting", reason: "the policy's filter or snap length is new" });
      this.#child.stdin?.end();
      return;
    }
    const { activeTimeoutMs, idleTimeoutMs, holdTimeoutMs, hostNames, hostNamesPerSecond } = after;
    const policy = { activeTimeoutMs, idleTimeoutMs, holdTimeoutMs, hostNames, hostNamesPerSecond };
    this.#control({ kind: "policy", policy });
  }

  /** Lets the meter end its flows and takes its last batches; kills it after 6 s. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#watchTimer);
    clearTimeout(this.#launchTimer);
    const child = this.#child;
    if (child === undefined) return;
    const killTimer = setTimeout(() => child.kill("SIGKILL"), stopDeadlineMs);
    await new Promise<void>((resolve) => {
      this.#onEnded = resolve;
      child.stdin?.end();
    });
    clearTimeout(killTimer);
  }

  #launch(): void {
    const blocked = this.#blockedReason();
    if (blocked !== undefined) {
      this.#setState({ kind: "waiting", reason: blocked });
      this.#launchIn(waitIntervalMs);
      return;
    }
    this.#interfaceIndex = interfaceIndex(this.interface);
    this.#failure = undefined;
    this.#stderr = "";
    this.#current = {};
    this.#lastSignUs = nowUs();
    const node = [process.execPath, ...meterNodeFlags, meterEntry()];
    const [program, ...words] = [...this.#captureOnly(), ...node];
    const child = spawn(program, words, {
      stdio: ["pipe", "ignore", "pipe", "pipe"],
      env: { ...process.env, ...meterEnvironment },
    });
    this.#child = child;
    // An early end of the child shows as its exit; what was written to it does not matter then.
    child.stdin?.on("error", () => {});
    child.on("error", (error) => (this.#stderr = error.message));
    child.stderr?.on("data", (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-stderrBytesMax);
    });
    this.#readFrames(child.stdio[3] as Readable);
    child.on("close", (code, signal) => this.#onClose(code, signal));
    this.#control({ kind: "start", settings: this.#settings });
  }

  /** The meter may capture and nothing else, where the system lets us see to that. */
  #captureOnly(): readonly string[] {
    if (this.#prefix !== undefined) return this.#prefix;
    const prefix = captureOnlyPrefix({ read: [meterEntry()], write: [] });
    if (prefix.kind === "impossible")
      this.events.onWarning?.(`the meter keeps this process's privileges: ${prefix.reason}`);
    return (this.#prefix = prefix.kind === "prefix" ? prefix.command : []);
  }

  #launchIn(delayMs: number): void {
    this.#launchTimer = setTimeout(() => this.#launch(), delayMs);
  }

  #readFrames(output: Readable): void {
    const reader = new FrameReader((type, payload) => this.#onFrame(type, payload));
    output.on("data", (chunk: Buffer) => {
      this.#lastSignUs = nowUs();
      try {
        reader.push(chunk);
      } catch (error) {
        this.events.onWarning?.(error instanceof Error ? error.message : String(error));
        this.#child?.kill("SIGKILL");
      }
    });
    output.on("error", () => {});
  }

  #onFrame(type: number, payload: Uint8Array): void {
    if (type === FrameType.batch) return this.events.onBatch(decodeMeteredBatch(payload));
    const value: unknown = JSON.parse(Buffer.from(payload).toString("utf8"));
    if (type === FrameType.counters) this.#onCounters(value as SensorCounters);
    else if (type === FrameType.state) this.#setState(value as PacketSourceState);
    else if (type === FrameType.loss) this.events.onLoss?.("pipe_full", value as FlowTotals);
    else if (type === FrameType.failure) this.#failure = value as MeterFailure;
    else if (type === FrameType.backend) this.#setBackend(value as MeterBackend);
    else if (type === FrameType.warning) this.#warnOnce(value as string);
  }

  #onCounters(counters: SensorCounters): void {
    this.#current = counters;
    this.#backoff.onSign(performance.now());
    this.events.onCounters?.(this.counters);
  }

  #onClose(code: number | null, signal: NodeJS.Signals | null): void {
    this.#child = undefined;
    this.#past = addCounters(this.#past, withoutGauges(this.#current));
    this.#current = {};
    if (code !== 0) this.#reportCrash();
    if (this.#isStopping) return this.#onEnded();
    if (this.#isReplacing) {
      this.#isReplacing = false;
      return this.#launch();
    }
    this.restarts++;
    if (this.#failure?.isFilter === true) return this.#launchWithoutFilter(this.#failure.reason);
    this.#setState({ kind: "waiting", reason: this.#blockedReason() ?? this.#endReason(code, signal) });
    this.#launchIn(this.#backoff.next());
  }

  #launchWithoutFilter(reason: string): void {
    this.events.onWarning?.(`filter "${this.#settings.filter}" is refused, capturing everything: ${reason}`);
    this.#refusedFilter = this.#settings.filter;
    this.#settings = { ...this.#settings, filter: "" };
    this.#launch();
  }

  /** What the meter knew of flows is gone; how much is unknown. */
  #reportCrash(): void {
    if (this.#failure !== undefined) return;
    this.events.onLoss?.("crash", {
      records: 0,
      packets: 0,
      bytes: 0,
      fromUs: this.#lastSignUs,
      toUs: nowUs(),
    });
  }

  #endReason(code: number | null, signal: NodeJS.Signals | null): string {
    if (this.#failure !== undefined) return this.#failure.reason;
    const lines = this.#stderr.trim().split("\n");
    // Of an uncaught error Node.js writes the stack and then its own version.
    const line = lines.find((each) => /^\w*Error\b/.test(each)) ?? lines.at(-1) ?? "";
    return `the meter ended (${signal ?? `exit ${code}`})${line === "" ? "" : `: ${line}`}`;
  }

  /** Why capturing cannot work now, if the system says so. */
  #blockedReason(): string | undefined {
    const state = interfaceState(this.interface);
    return state === "down" || state === "gone" ? `interface ${this.interface} is ${state}` : undefined;
  }

  /** Said once, and not again by each meter that is started. */
  #setBackend(backend: MeterBackend): void {
    const { reason } = backend;
    if (reason !== "" && reason !== this.#backend.reason)
      this.events.onWarning?.(`capturing through npm cap: ${reason}`);
    this.#backend = backend;
  }

  /** Not again by each meter that is started. */
  #warnOnce(line: string): void {
    if (this.#warned.has(line) || this.#warned.size >= warningsMax) return;
    this.#warned.add(line);
    this.events.onWarning?.(line);
  }

  /**
   * A meter that hangs on an interface that went away, or on the one before it.
   * The ring sees that by itself.
   */
  #watch(): void {
    if (this.backend === "ring") return;
    if (this.#child === undefined || this.#state.kind !== "running") return;
    const isOther = interfaceIndex(this.interface) !== this.#interfaceIndex;
    if (isOther || this.#blockedReason() !== undefined) this.#child.kill("SIGKILL");
  }

  #control(message: MeterControl): void {
    this.#child?.stdin?.write(`${JSON.stringify(message)}\n`);
  }

  #setState(state: PacketSourceState): void {
    const same = JSON.stringify(state) === JSON.stringify(this.#state);
    this.#state = state;
    if (!same) this.events.onState?.(state);
  }
}

function nowUs(): number {
  return Date.now() * 1000;
}

/** The built program of the meter: beside this file in dist, or in dist when run from sources. */
function meterEntry(): string {
  const built = ["../meter-main.js", "../../dist/meter-main.js"]
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path));
  if (built !== undefined) return built;
  throw new PicketError("CAPTURE_FAILED", "the meter is not built: run `npm run build`");
}
