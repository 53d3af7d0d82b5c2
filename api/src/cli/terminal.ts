/** Where a client command reads and writes; the process's own, or a test's. */
export interface Terminal {
  /** Writes to stdout. */
  out(text: string): void;
  /** Writes to stderr: notes that are not the answer. */
  note(text: string): void;
  /** Colours may be used on stdout. */
  readonly hasColours: boolean;
  /** Aborts when the user interrupts; `release` lets go of the handler. */
  onInterrupt(): { signal: AbortSignal; release(): void };
}

let isPipeGuarded = false;

/** A reader that closes the pipe early, as `head` does, ends the command without a complaint. */
function guardPipe(): void {
  if (isPipeGuarded) return;
  isPipeGuarded = true;
  process.stdout.on("error", (error: Error & { code?: string }) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
}

/** The terminal of this process. */
export const processTerminal: Terminal = {
  out(text) {
    guardPipe();
    process.stdout.write(text);
  },
  note: (text) => void process.stderr.write(text),
  get hasColours() {
    return process.stdout.isTTY === true && !process.env["NO_COLOR"];
  },
  onInterrupt() {
    const stop = new AbortController();
    const onSignal = (): void => stop.abort();
    process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
    return {
      signal: stop.signal,
      release: () => void process.off("SIGINT", onSignal).off("SIGTERM", onSignal),
    };
  },
};

/** Text from the network without control characters, which could drive the terminal. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, "\u00b7");
}
