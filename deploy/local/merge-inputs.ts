import type { FlowInput } from "./flow-input.js";

/**
 * Reads all inputs to their ends, always the one that is furthest behind in
 * event time, and calls back after each block with the time up to which every
 * input is settled, microseconds (Infinity at the end).
 */
export async function mergeInputs(
  inputs: readonly FlowInput[],
  onStep: (settledUs: number) => Promise<void>,
): Promise<void> {
  for (;;) {
    const behind = furthestBehind(inputs);
    if (behind === undefined) break;
    await behind.next();
    await onStep(settledUntil(inputs));
  }
}

function furthestBehind(inputs: readonly FlowInput[]): FlowInput | undefined {
  let behind: FlowInput | undefined;
  for (const input of inputs) {
    if (input.timeUs !== Infinity && (behind === undefined || input.timeUs < behind.timeUs)) behind = input;
  }
  return behind;
}

function settledUntil(inputs: readonly FlowInput[]): number {
  return inputs.reduce((least, input) => Math.min(least, input.settledUs), Infinity);
}
