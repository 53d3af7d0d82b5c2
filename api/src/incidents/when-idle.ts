/**
 * The items of an iterable, and `undefined` when none came for a while. An
 * item that is there costs no timer.
 * @param idleMs milliseconds from now until `undefined` is due.
 */
export async function* whenIdle<Item>(
  items: AsyncIterable<Item>,
  idleMs: () => number,
): AsyncGenerator<Item | undefined, void, void> {
  const iterator = items[Symbol.asyncIterator]();
  const bell = new Bell(idleMs);
  try {
    for (;;) {
      const pending = iterator.next();
      const settlement = { isSettled: false };
      const settle = (): void => {
        settlement.isSettled = true;
        bell.wake();
      };
      pending.then(settle, settle);
      for (await bell.wait(); !settlement.isSettled; await bell.wait()) if (idleMs() <= 0) yield undefined;
      const result = await pending;
      if (result.done === true) return;
      yield result.value;
    }
  } finally {
    bell.close();
    await iterator.return?.();
  }
}

/** Wakes one waiter, by hand or when the time is over; its timer outlives many waits. */
class Bell {
  private ring: (() => void) | undefined;
  private isRung = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly idleMs: () => number) {}

  wait(): Promise<void> {
    this.timer ??= this.arm();
    if (this.isRung) {
      this.isRung = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => (this.ring = resolve));
  }

  wake(): void {
    const { ring } = this;
    this.ring = undefined;
    if (ring === undefined) this.isRung = true;
    else ring();
  }

  close(): void {
    clearTimeout(this.timer);
  }

  private arm(): NodeJS.Timeout {
    return setTimeout(
      () => {
        this.timer = undefined;
        if (this.idleMs() > 0) this.timer = this.arm();
        else this.wake();
      },
      Math.max(1, this.idleMs()),
    );
  }
}
