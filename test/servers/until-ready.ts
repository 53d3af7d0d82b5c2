import { setTimeout as delay } from "node:timers/promises";

const pollMs = 50;

/** Polls until a condition holds; throws with `what` when it does not within the time. */
export async function untilReady(
  what: string,
  withinMs: number,
  isReady: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!(await isReady())) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await delay(pollMs);
  }
}
