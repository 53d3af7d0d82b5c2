import pino, { type Logger } from "pino";

export type { Logger };

/** A log on standard error: JSON lines, or plain ones on a terminal. */
export function createLog(level: string, isTerminal = process.stderr.isTTY): Logger {
  if (!isTerminal) return pino({ level, base: null }, pino.destination({ dest: 2, sync: true }));
  const destination = { write: (line: string) => void process.stderr.write(plainLine(line)) };
  return pino({ level, base: null }, destination);
}

function plainLine(line: string): string {
  const { level, time, msg, ...rest } = JSON.parse(line) as { level: number; time: number; msg: string };
  const label = pino.levels.labels[level] ?? "info";
  const fields = Object.keys(rest).length === 0 ? "" : ` ${JSON.stringify(rest)}`;
  return `${new Date(time).toISOString().slice(11, 19)} ${label.padEnd(5)} ${msg}${fields}\n`;
}

/** Lets one line of each kind through in an interval and says how many it held back. */
export class RateLimitedLog {
  readonly #seen = new Map<string, { untilMs: number; held: number }>();

  constructor(
    private readonly log: Logger,
    private readonly intervalMs = 30_000,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** `kind` comes from a closed list. */
  warn(kind: string, message: string): void {
    const seen = this.#seen.get(kind);
    const nowMs = this.nowMs();
    if (seen !== undefined && nowMs < seen.untilMs) {
      seen.held++;
      return;
    }
    const held = seen?.held ?? 0;
    this.#seen.set(kind, { untilMs: nowMs + this.intervalMs, held: 0 });
    this.log.warn(held === 0 ? {} : { heldBack: held }, message);
  }
}
