import type { HotWindow } from "./window-store.js";

/** Collects the windows that a merge makes hot. */
export class TouchedWindows {
  /** Number of the merge; who remembers it tells a window once a merge. */
  merge = 1;
  private windows: HotWindow[] = [];

  /** @param onNew told of windows that are hot for the first time */
  constructor(private readonly onNew: (window: HotWindow) => void) {}

  /** @param window always the same object for a window */
  add(window: HotWindow, isNew: boolean): void {
    if (isNew) this.onNew(window);
    this.windows.push(window);
  }

  /** The windows since the last call. */
  take(): HotWindow[] {
    this.merge++;
    if (this.windows.length === 0) return [];
    const { windows } = this;
    this.windows = [];
    return windows;
  }
}
