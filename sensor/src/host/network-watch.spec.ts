import { describe, expect, it } from "vitest";
import { NetworkWatch } from "./network-watch.js";

const none = { link: [], routed: [], wide: [], leftOut: 0, tablesCut: 0 };

describe("a watch of the networks around the host", () => {
  it("reads them every ten seconds", () => {
    let nowMs = 0;
    let reads = 0;
    const watch = new NetworkWatch(
      () => {},
      () => ({ ...none, link: [`10.0.${++reads}.0/24`], leftOut: 3, tablesCut: 1 }),
      () => nowMs,
    );
    expect(watch.networks.link).toEqual(["10.0.1.0/24"]);
    nowMs = 9999;
    expect(watch.networks.link).toEqual(["10.0.1.0/24"]);
    nowMs = 10_000;
    expect(watch.networks.link).toEqual(["10.0.2.0/24"]);
    expect(watch.counters).toEqual({
      networks_live: 1,
      networks_wide_live: 0,
      networks_left_out_live: 3,
      route_tables_cut_live: 1,
    });
  });

  it("warns of what is too wide, once until that changes", () => {
    let nowMs = 0;
    let wide: string[] = [];
    const lines: string[] = [];
    const watch = new NetworkWatch(
      (line) => lines.push(line),
      () => ({ ...none, wide }),
      () => nowMs,
    );
    for (const found of [[], ["128.0.0.0/1"], ["128.0.0.0/1"], []]) {
      wide = found;
      expect(watch.networks.wide).toEqual(found);
      nowMs += 10_000;
    }
    expect(lines).toEqual([
      "too wide to be told as inside: 128.0.0.0/1; name the homeNetworks in the policy",
    ]);
  });
});
