/** Prints one line a check and remembers whether any failed. */
export class Report {
  #failed = 0;
  #checks = 0;
  readonly #startMs = performance.now();

  check(isOk: boolean, name: string, figure: string): void {
    this.#checks++;
    if (!isOk) this.#failed++;
    process.stdout.write(`${isOk ? "ok    " : "FAILED"} ${name}: ${figure}\n`);
  }

  note(line: string): void {
    process.stdout.write(`       ${line}\n`);
  }

  /** The last line; the exit code. */
  finish(): number {
    const seconds = ((performance.now() - this.#startMs) / 1000).toFixed(0);
    process.stdout.write(`lab: ${this.#checks - this.#failed} ok, ${this.#failed} failed in ${seconds} s\n`);
    return this.#failed === 0 ? 0 : 1;
  }
}
