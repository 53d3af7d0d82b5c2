import { statSync } from "node:fs";

import cliProgress from "cli-progress";

import type { FlowInput } from "../local/flow-input.js";

const showAfterMs = 1000;
const updateEveryMs = 100;

/** A bar over the bytes of all files, shown on a terminal when it takes longer than a second. */
export function analyzeProgress(stream: NodeJS.WriteStream): {
  readonly update: (inputs: readonly FlowInput[]) => void;
  readonly stop: () => void;
} {
  const startedMs = Date.now();
  let lastMs = startedMs + showAfterMs;
  let bar: cliProgress.SingleBar | undefined;
  const update = (inputs: readonly FlowInput[]): void => {
    const nowMs = Date.now();
    if (!stream.isTTY || nowMs - lastMs < updateEveryMs) return;
    lastMs = nowMs;
    const packets = inputs.reduce((sum, input) => sum + (input.counters()["packets_received"] ?? 0), 0);
    const bytesRead = inputs.reduce((sum, input) => sum + input.bytesRead, 0);
    bar ??= startBar(stream, inputs);
    bar.update(Math.min(bytesRead, bar.getTotal()), { packets: packets.toLocaleString("en") });
  };
  return { update, stop: () => bar?.stop() };
}

function startBar(stream: NodeJS.WriteStream, inputs: readonly FlowInput[]): cliProgress.SingleBar {
  const format = "{bar} {percentage}% | {packets} packets | {duration_formatted}";
  const bar = new cliProgress.SingleBar({ stream, format, clearOnComplete: true, hideCursor: true });
  bar.start(
    Math.max(
      1,
      inputs.reduce((sum, input) => sum + sizeOf(input.path), 0),
    ),
    0,
    { packets: "0" },
  );
  return bar;
}

/** Bytes of the file; 0 when it is a pipe. */
function sizeOf(path: string): number {
  return path === "-" ? 0 : (statSync(path, { throwIfNoEntry: false })?.size ?? 0);
}
