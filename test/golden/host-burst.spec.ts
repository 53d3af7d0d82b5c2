import { describe, expect, it } from "vitest";
import { benignMix } from "../engine/scenarios.js";
import { incidentsOf } from "./golden-run.js";
import {
  burstBytes,
  jointUpdate,
  jointUpload,
  nightlyBackup,
  ordinaryVolume,
  volumeHosts,
} from "./volume-scenes.js";

describe("a burst of bytes", () => {
  it("of several hosts in the same minute is one incident, low, that counts each byte once", async () => {
    const [incident, ...others] = await incidentsOf([...jointUpload, ...benignMix()]);
    expect(others).toEqual([]);
    expect(incident).toMatchObject({
      kind: "cross_host_burst",
      severity: "low",
      technique: "",
      sources: volumeHosts,
      targets: ["203.0.113.80"],
      ports: ["tcp/443"],
    });
    const bytes = incident.factors.find(({ name }) => name === "bytes_per_minute");
    expect(bytes?.value).toBe(volumeHosts.length * burstBytes);
    expect(incident.samples[0].source).toBe(volumeHosts[0]);
    expect(incident.summary).toBe(
      "4 hosts send far more than before in the same minutes (1200 MB a minute, to 203.0.113.80, tcp/443)",
    );
  });

  it("of a backup that goes on is one incident", async () => {
    expect(await incidentsOf([...nightlyBackup, ...benignMix()])).toMatchObject([
      { kind: "cross_host_burst", severity: "low", sources: volumeHosts, targets: ["10.9.0.99"] },
    ]);
  });

  it("of an update of all machines is one incident, low", async () => {
    expect(await incidentsOf([...jointUpdate, ...benignMix()])).toMatchObject([
      { kind: "cross_host_burst", severity: "low", sources: ["203.0.113.90"], targets: volumeHosts },
    ]);
  });

  it("of one host, or of calls, is nothing", async () => {
    expect(await incidentsOf([...ordinaryVolume, ...benignMix()])).toEqual([]);
  });
});
