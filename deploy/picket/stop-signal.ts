import { exitCodes } from "./exit-codes.js";

/**
 * A signal that aborts at the first SIGINT or SIGTERM, so that everything can
 * stop in order. The second one ends the process at once. `release` takes the
 * handlers away again.
 */
export function stopSignal(): { signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(exitCodes.forced);
    controller.abort();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return {
    signal: controller.signal,
    release() {
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
    },
  };
}
