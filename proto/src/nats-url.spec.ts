import { describe, expect, it } from "vitest";

import { natsUrlPattern } from "./nats-url.js";

describe("the URL of a NATS server", () => {
  it.each(["nats://10.0.0.5:4222", "tls://nats.example.org:4222", "10.0.0.5:4222", "nats://[::1]:4222"])(
    "takes %s",
    (url) => {
      expect(url).toMatch(natsUrlPattern);
    },
  );

  it.each([
    "",
    "http://10.0.0.5:4222",
    "nats://user:secret@10.0.0.5:4222",
    "nats://a:1,nats://b:2",
    "nats://a b",
  ])("refuses %j", (url) => {
    expect(url).not.toMatch(natsUrlPattern);
  });
});
