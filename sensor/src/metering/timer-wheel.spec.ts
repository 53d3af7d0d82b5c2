import { describe, expect, it } from "vitest";
import { TimerWheel } from "./timer-wheel.js";

const second = 1_000_000;

function takeAll(wheel: TimerWheel, nowUs: number): number[] {
  const slots: number[] = [];
  for (let slot = wheel.takeDue(nowUs); slot !== -1; slot = wheel.takeDue(nowUs)) slots.push(slot);
  return slots;
}

describe("TimerWheel", () => {
  it("fires in order of time, at most one bucket late and never early", () => {
    const wheel = new TimerWheel(100);
    wheel.restart(0);
    for (let slot = 0; slot < 100; slot++) wheel.set(slot, (slot + 1) * 100_000);
    const fired: number[] = [];
    for (let nowUs = 0; nowUs <= 11 * second; nowUs += 10_000) {
      for (const slot of takeAll(wheel, nowUs)) {
        const lateUs = nowUs - (slot + 1) * 100_000;
        expect(lateUs).toBeGreaterThanOrEqual(0);
        expect(lateUs).toBeLessThanOrEqual(50_000);
        fired.push(slot);
      }
    }
    expect(fired).toEqual(Array.from({ length: 100 }, (_, slot) => slot));
  });

  it("keeps the earlier of two deadlines", () => {
    const wheel = new TimerWheel(1);
    wheel.restart(0);
    wheel.set(0, 5 * second);
    wheel.set(0, 1 * second);
    wheel.set(0, 9 * second);
    expect(takeAll(wheel, 1 * second)).toEqual([0]);
    expect(takeAll(wheel, 20 * second)).toEqual([]);
  });

  it("forgets what is cancelled, wherever it is in its bucket", () => {
    for (const cancelled of [0, 1, 2]) {
      const wheel = new TimerWheel(3);
      wheel.restart(0);
      for (const slot of [0, 1, 2]) wheel.set(slot, second);
      wheel.cancel(cancelled);
      wheel.cancel(cancelled);
      expect(takeAll(wheel, 2 * second).toSorted()).toEqual([0, 1, 2].filter((slot) => slot !== cancelled));
    }
  });

  it("looks at a deadline beyond its turn at least once a turn", () => {
    const wheel = new TimerWheel(1);
    wheel.restart(0);
    wheel.set(0, 1e15);
    expect(takeAll(wheel, 200 * second)).toEqual([0]);
  });

  it("finds everything after a silence of years, and before the epoch", () => {
    for (const startUs of [0, -5e15]) {
      const wheel = new TimerWheel(50);
      wheel.restart(startUs);
      for (let slot = 0; slot < 50; slot++) wheel.set(slot, startUs + slot * second);
      expect(takeAll(wheel, startUs + 1e15)).toHaveLength(50);
    }
  });

  it("hands out what is left", () => {
    const wheel = new TimerWheel(3);
    wheel.restart(0);
    wheel.set(2, 30 * second);
    wheel.set(0, 1 * second);
    expect([wheel.takeAny(), wheel.takeAny(), wheel.takeAny()]).toEqual([0, 2, -1]);
  });
});
