/**
 * The items of an iterable, and `undefined` when none came for a while.
 * @param idleMs milliseconds from now until `undefined` is due; asked before each item.
 */
export async function* whenIdle<Item>(
  items: AsyncIterable<Item>,
  idleMs: () => number,
): AsyncGenerator<Item | undefined, void, void> {
  const iterator = items[Symbol.asyncIterator]();
  try {
    for (;;) {
      const pending = new Pending(iterator.next());
      while (!(await pending.settles(idleMs()))) yield undefined;
      const result = await pending.promise;
      if (result.done === true) return;
      yield result.value;
    }
  } finally {
    await iterator.return?.();
  }
}

/** A promise that is waited for again and again without piling up callbacks on it. */
class Pending<Value> {
  private isSettled = false;
  private wake: (() => void) | undefined;

  constructor(readonly promise: Promise<Value>) {
    const settle = (): void => {
      this.isSettled = true;
      this.wake?.();
    };
    promise.then(settle, settle);
  }

  /** True once settled, false when the time is over first. */
  async settles(timeoutMs: number): Promise<boolean> {
    await Promise.resolve();
    if (this.isSettled) return true;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, timeoutMs));
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    return this.isSettled;
  }
}
