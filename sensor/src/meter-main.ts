import { writeSync } from "node:fs";
import { Socket } from "node:net";
import { PicketError } from "@picket/proto/picket-error.js";
import { CapSource } from "./capture/cap-source.js";
import { MonotonicWallClock } from "./capture/live-clock.js";
import { ControlInput } from "./capture/live-control.js";
import { FrameType } from "./capture/live-frames.js";
import { interfaceState } from "./capture/live-interfaces.js";
import { FramePipe } from "./capture/live-pipe.js";
import { MeterSession } from "./capture/live-session.js";
import type { MeterControl, MeterFailure, MeterSettings } from "./capture/live-settings.js";
import type { PacketBlock } from "./capture/packet-source.js";

/**
 * The meter process: captures, decodes and meters; frames go to descriptor 3,
 * control comes from standard input, whose end is the request to stop. It is
 * started and watched by LiveMeter, and captures once: whatever goes wrong, the
 * process ends and another one is started.
 */
const outputFile = 3;
const tickIntervalMs = 100;
const quietTickIntervalMs = 500;
/** A flood that keeps the event loop busy for longer is interrupted by our own ticks. */
const turnMaxMs = 200;
const flushDeadlineMs = 5000;

const clock = new MonotonicWallClock();
// Makes the descriptor non-blocking; it is written to directly.
const outputSocket = new Socket({ fd: outputFile, readable: false, writable: true });
outputSocket.on("error", () => process.exit(1));

let pipe: FramePipe | undefined;
let source: CapSource | undefined;
let session: MeterSession | undefined;
let lastTickMs = performance.now();
let isStopping = false;

const control = new ControlInput(onControl, () => void stop());
control.start();
// Ctrl-C reaches the whole process group; the exporter decides when we stop.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});

function onControl(message: MeterControl): void {
  if (message.kind === "timeouts") session?.setTimeouts(message.timeouts);
  else if (source === undefined) void capture(message.settings);
}

async function capture(settings: MeterSettings): Promise<void> {
  const output = new FramePipe(writeOutput, settings.pipeBytesMax);
  const packets = new CapSource({ ...settings, clock });
  const meter = new MeterSession(settings, output, clock, () => ({
    packets_captured: packets.counters.packetsReceived,
    clock_steps: clock.steps,
    batches_dropped_pipe_full: output.batchesDropped,
  }));
  [pipe, source, session] = [output, packets, meter];
  scheduleTick();
  try {
    await packets.run(onBlock, (state) => output.sendJson(FrameType.state, state));
  } catch (error) {
    fail(error, settings, output);
  }
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
  if (!isStopping) session?.tick();
}

function fail(error: unknown, settings: MeterSettings, output: FramePipe): void {
  const denied = error instanceof PicketError && error.code === "CAPTURE_DENIED";
  const isUp = ["up", "unknown"].includes(interfaceState(settings.interface));
  const failure: MeterFailure = {
    reason: error instanceof Error ? error.message : String(error),
    isFilter: settings.filter !== "" && isUp && !denied && /filter|syntax|expression/i.test(String(error)),
  };
  output.sendJson(FrameType.failure, failure);
  process.exit(2);
}

async function stop(): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  await source?.stop();
  session?.finish();
  const deadlineMs = performance.now() + flushDeadlineMs;
  setInterval(() => {
    pipe?.flush();
    if (pipe === undefined || pipe.isEmpty || performance.now() > deadlineMs) process.exit(0);
  }, 5);
}

/** Bytes taken by the pipe; 0 when it is full. */
function writeOutput(bytes: Uint8Array): number {
  try {
    return writeSync(outputFile, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return 0;
    // The exporter is gone: nobody is there to meter for.
    process.exit(1);
  }
}
