import { describe, expect, it } from "vitest";
import { durabilityOf } from "./server-durability.js";

describe("the durability of a server", () => {
  it.each([
    ["2.9.10", /every 60 s/, /2\.12\.7 or later: .*CVE-2025-30215/],
    ["2.10.26", /every 2 min, or as jetstream\.sync_interval/, /CVE-2025-30215/],
    ["2.10.27", /every 2 min/, /^install nats-server 2\.12\.7 or later$/],
    ["2.11.0", /every 2 min/, /CVE-2025-30215/],
    ["2.11.1", /every 2 min/, /^install nats-server 2\.12\.7 or later$/],
    ["2.12.6", /every 2 min/, /^install/],
    ["2.12.7", /every 2 min/, undefined],
    ["2.14.0-RC.1", /every 2 min/, undefined],
    ["3.0", /every 2 min/, undefined],
  ])("of version %s is said, with what to do", (version, about, advice) => {
    const found = durabilityOf(version);
    expect(found.about).toMatch(about);
    if (advice === undefined) expect(found.advice).toBeUndefined();
    else expect(found.advice).toMatch(advice);
  });
});
