/** Exit codes of every `picket` command (docs/operations.md). */
export const exitCodes = {
  done: 0,
  /** Findings that were asked for with `--fail-on`. */
  findings: 1,
  /** `picket doctor`: something failed. */
  unhealthy: 1,
  /** Wrong use or bad input, said in one line. */
  badInput: 2,
  /** A bug: the stack is on stderr. */
  bug: 70,
  /** Forced by a second interrupt. */
  forced: 130,
} as const;
