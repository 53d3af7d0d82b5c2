import { writeSync } from "node:fs";
import { Socket } from "node:net";
import { PicketError } from "@picket/proto/picket-error.js";
import { backendsFor, type LiveBackend, newBackend } from "./capture/live-backend.js";
import { MonotonicWallClock } from "./capture/live-clock.js";
import { ControlInput } from "./capture/live-control.js";
import { FrameType } from "./capture/live-frames.js";
import { interfaceState } from "./capture/live-interfaces.js";
import { FramePipe } from "./capture/live-pipe.js";
import { rehearse } from "./capture/rehearsal.js";
import { loadRingBinding, type ProcessBinding } from "./capture/ring-binding.js";
import { MeterSession } from "./capture/live-session.js";
import type {
  CaptureBackend,
  MeterBackend,
  MeterControl,
  MeterFailure,
  MeterSettings,
} from "./capture/live-settings.js";
import type { PacketBlock } from "./capture/packet-source.js";

/**
 * The meter process: captures, decodes and meters; frames go to descriptor 3,
 * control comes from standard input, whose end is the request to stop. It is
 * started and watched by LiveMeter: whatever cannot be waited for ends the
 * process, and another one is started.
 */
const outputFile = 3;
const tickIntervalMs = 100;
const quietTickIntervalMs = 500;
/** A flood that keeps the event loop busy for longer is interrupted by our own ticks. */
const turnMaxMs = 200;
const flushDeadlineMs = 5000;
/** npm cap says only by its text that the filter is none. */
const aboutFilter = /filter|syntax|expression/i;

const clock = new MonotonicWallClock();
let binding: ProcessBinding | undefined;
// Makes the descriptor non-blocking; it is written to directly.
const outputSocket = new Socket({ fd: outputFile, readable: false, writable: true });
outputSocket.on("error", () => endProcess(1));

let pipe: FramePipe | undefined;
let live: LiveBackend | undefined;
let session: MeterSession | undefined;
let lastTickMs = performance.now();
let isStopping = false;

const control = new ControlInput(onControl, () => void stop());
control.start();
// Ctrl-C reaches the whole process group; the exporter decides when we stop.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});

function onControl(message: MeterControl): void {
  if (message.kind === "policy") session?.setPolicy(message.policy);
  else if (session === undefined) void capture(message.settings);
}

async function capture(settings: MeterSettings): Promise<void> {
  // npm cap cannot hold a rate at which that matters.
  if (settings.capture !== "cap") rehearse();
  const output = new FramePipe(writeOutput, settings.pipeBytesMax);
  const meter = new MeterSession(settings, output, clock, () => ({
    ...live?.counters(),
    clock_steps: clock.steps,
    batches_dropped_pipe_full: output.batchesDropped,
  }));
  [pipe, session] = [output, meter];
  scheduleTick();
  let reason = "";
  const backends = backendsFor(settings.capture);
  for (const backend of backends) {
    try {
      return await captureWith(backend, reason, settings, meter, output);
    } catch (error) {
      if (isStopping) return;
      const isLast = backend === backends.at(-1);
      if (isLast || isDenied(error)) return fail(error, settings, output);
      reason = error instanceof Error ? error.message : String(error);
    }
  }
}

/** Captures until it is stopped; says what with as soon as it is known that it works. */
async function captureWith(
  backend: CaptureBackend,
  reason: string,
  settings: MeterSettings,
  meter: MeterSession,
  output: FramePipe,
): Promise<void> {
  live = newBackend(backend, settings, clock);
  meter.lagUs = live.lagUs;
  let isSaid = false;
  await live.source.run(onBlock, (state) => {
    const choice: MeterBackend = { backend, reason };
    if (!isSaid) output.sendJson(FrameType.backend, choice);
    if (!isSaid && backend === "ring") confine(output);
    isSaid = true;
    output.sendJson(FrameType.state, state);
  });
}

/** Packets are hostile input: whoever takes this process over shall not get far. npm cap needs more. */
function confine(output: FramePipe): void {
  try {
    binding = loadRingBinding();
    binding.confine();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    output.sendJson(FrameType.warning, `the meter is not confined: ${reason}`);
  }
}

/** A confined process that waits for the threads of V8 to end may wait for ever: it does not wait. */
function endProcess(code: number): never {
  binding?.endProcess(code);
  process.exit(code);
}

function onBlock(block: PacketBlock): void {
  session?.onBlock(block);
  if (performance.now() - lastTickMs < turnMaxMs) return;
  tick();
  control.poll();
}

function scheduleTick(): void {
  const delayMs = session?.isQuiet === true ? quietTickIntervalMs : tickIntervalMs;
  setTimeout(() => {
    tick();
    scheduleTick();
  }, delayMs);
}

function tick(): void {
  lastTickMs = performance.now();
  if (!isStopping) session?.tick(live?.isBehind() ?? false);
}

function fail(error: unknown, settings: MeterSettings, output: FramePipe): void {
  const isUp = ["up", "unknown"].includes(interfaceState(settings.interface));
  const isFilterField = error instanceof PicketError && error.field === "filter";
  const failure: MeterFailure = {
    reason: error instanceof Error ? error.message : String(error),
    isFilter:
      settings.filter !== "" &&
      (isFilterField || (isUp && !isDenied(error) && aboutFilter.test(String(error)))),
  };
  output.sendJson(FrameType.failure, failure);
  endProcess(2);
}

function isDenied(error: unknown): boolean {
  return error instanceof PicketError && error.code === "CAPTURE_DENIED";
}

async function stop(): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  await live?.source.stop();
  session?.finish();
  const deadlineMs = performance.now() + flushDeadlineMs;
  setInterval(() => {
    pipe?.flush();
    if (pipe === undefined || pipe.isEmpty || performance.now() > deadlineMs) endProcess(0);
  }, 5);
}

/** Bytes taken by the pipe; 0 when it is full. */
function writeOutput(bytes: Uint8Array): number {
  try {
    return writeSync(outputFile, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return 0;
    // The exporter is gone: nobody is there to meter for.
    endProcess(1);
  }
}
