import pino from "pino";
import { describe, expect, it } from "vitest";
import { RateLimitedLog } from "./log.js";

describe("rate-limited log", () => {
  it("lets one line of a kind through and says how many it held back", () => {
    const lines: { msg: string; heldBack?: number }[] = [];
    const target = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
    let nowMs = 0;
    const log = new RateLimitedLog(target, 1000, () => nowMs);
    for (let i = 0; i < 5; i++) log.warn("nats", "away");
    log.warn("other", "else");
    nowMs = 1000;
    log.warn("nats", "away");
    expect(lines.map((line) => [line.msg, line.heldBack])).toEqual([
      ["away", undefined],
      ["else", undefined],
      ["away", 4],
    ]);
  });
});
