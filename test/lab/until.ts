const pollEveryMs = 20;

/** Polls until the condition holds (true) or the time is over (false). */
export async function until(
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<boolean> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    if (await condition()) return true;
    if (performance.now() >= endMs) return false;
    await new Promise((resolve) => setTimeout(resolve, pollEveryMs));
  }
}

/** Lets time pass in which something must not happen. */
export function pass(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
