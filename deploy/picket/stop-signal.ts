import { exitCodes } from "./exit-codes.js";

/** npm and the terminal may both deliver one Ctrl-C; closer than this they are the same. */
const sameSignalMs = 500;

/**
 * A signal that aborts at the first SIGINT or SIGTERM, so that everything can
 * stop in order. A second one, half a second later or more, ends the process at
 * once. `release` takes the handlers away again.
 */
export function stopSignal(): { signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  let firstMs = 0;
  const onSignal = (): void => {
    if (!controller.signal.aborted) {
      firstMs = performance.now();
      controller.abort();
    } else if (performance.now() - firstMs >= sameSignalMs) {
      process.exit(exitCodes.forced);
    }
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
