import pino, { type Logger } from "pino";

export type { Logger };

/** A log on standard error: JSON lines, or plain ones on a terminal. */
export function createLog(level: string, isTerminal = process.stderr.isTTY): Logger {
  if (!isTerminal) return pino({ level, base: null }, pino.destination({ dest: 2, sync: true }));
  return pino({ level, base: null }, { write: (line: string) => void process.stderr.write(plainLine(line)) });
}

function plainLine(line: string): string {
  const { level, time, msg } = JSON.parse(line) as { level: number; time: number; msg: string };
  const label = pino.levels.labels[level] ?? "info";
  return `${new Date(time).toISOString().slice(11, 19)} ${label.padEnd(5)} ${msg}\n`;
}

const intervalMs = 30_000;

/** Lets one line of each kind through in half a minute and says how many it held back. */
export class LimitedLog {
  readonly #kinds = new Map<string, { sinceMs: number; held: number }>();

  constructor(private readonly log: Logger) {}

  /** `kind` comes from a closed list. An expected failure is its message, a bug its stack too. */
  failure(kind: string, error: Error): void {
    const nowMs = performance.now();
    const known = this.#kinds.get(kind);
    if (known !== undefined && nowMs - known.sinceMs < intervalMs) {
      known.held++;
      return;
    }
    this.#kinds.set(kind, { sinceMs: nowMs, held: 0 });
    const held = known?.held ? ` (and ${known.held} times since the last line)` : "";
    if (error.name === "PicketError") this.log.warn(error.message + held);
    else this.log.error({ stack: error.stack }, `${kind}: ${error.message}${held}`);
  }
}
