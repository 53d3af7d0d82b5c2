import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { buildEvent } from "@picket/correlator/adapters/memory/incident-fixture.js";
import { MemoryIncidentStore } from "@picket/correlator/adapters/memory/memory-incident-store.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildApplied } from "../conformance/batch-reports.js";
import { buildSensor } from "../conformance/sensor-registry.js";
import { ApiFixture, nowMs, until } from "./api-fixture.js";
import { ClientRun, picket } from "./client-run.js";

describe("the client commands", () => {
  let fixture: ApiFixture;
  let server: string[];
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "picket-cli-"));
    fixture = await ApiFixture.start();
    server = ["--server", fixture.api.address];
    await fixture.incidents.commit(
      [
        buildEvent({ id: "00000000000000aa", sources: ["10.0.0.9"], sourceCount: 10 }),
        buildEvent({
          id: "00000000000000bb",
          kind: "syn_flood",
          severity: "critical",
          lastSeenMs: 1_760_000_090_000,
        }),
        buildEvent({ id: "00000000000000cc", state: "retracted", retractReason: "not confirmed" }),
      ],
      1,
    );
    await fixture.sensors.recordApplied([buildApplied({ records: 1234 })]);
    await fixture.sensors.recordRejected(
      ["1", "2"].map((identity) => ({ sensor: "lab-01", reason: "epoch", identity })),
    );
  });
  afterAll(async () => {
    await fixture.stop();
    await rm(folder, { recursive: true });
  });

  it("list incidents as a table, latest first", async () => {
    const lines = (await picket("incidents", "list", ...server)).trimEnd().split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^ID +SEVERITY +KIND +STATE +LAST SEEN +SOURCES +TARGETS +PORTS +SENSORS$/);
    expect(lines[1]).toMatch(/^00000000000000bb +critical +syn_flood +open +2025-10-09 08:54:50Z/);
    expect(lines[2]).toMatch(/^00000000000000aa +medium +horizontal_scan +open .* 10\.0\.0\.9 \+9 /);
  });

  it("list incidents as one JSON object a line", async () => {
    const lines = (await picket("incidents", "list", "--json", "--all", ...server)).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).id)).toEqual([
      "00000000000000bb",
      "00000000000000aa",
      "00000000000000cc",
    ]);
    expect(JSON.parse(lines[1])).toMatchObject({ kind: "INCIDENT_KIND_HORIZONTAL_SCAN", sourceCount: "10" });
  });

  it.each([
    [["--kind", "syn_flood", "beacon"], ["bb"]],
    [["--min-severity", "high"], ["bb"]],
    [["--state", "retracted"], ["cc"]],
    [
      ["--source", "10.0.0.9"],
      ["bb", "aa"],
    ],
    [["--target", "10.9.9.9"], []],
    [["--sensor", "lab-02", "--limit", "1"], ["bb"]],
    [["--since", "2025-10-09T08:54:30Z"], ["bb"]],
    [
      ["--order", "last_seen"],
      ["aa", "bb"],
    ],
  ])("filter and order: %j", async (args, expected) => {
    const out = await picket("incidents", "list", "--json", ...server, ...args);
    const ids =
      out === ""
        ? []
        : out
            .trimEnd()
            .split("\n")
            .map((line) => JSON.parse(line).id.slice(-2));
    expect(ids).toEqual(expected);
  });

  it("show everything about one incident", async () => {
    const page = await picket("incidents", "show", "00000000000000aa", ...server);
    expect(page).toMatch(/^horizontal_scan medium {2}00000000000000aa\n/);
    expect(page).toContain("10.0.0.9 and 9 more");
    expect(page).toMatch(/failed_first_contacts +4 +3 +1\.333x +\+0\.5/);
    expect(page).toMatch(/lab-01 +2 +2025-10-09 08:53:20Z/);
    expect(page).toMatch(/10\.0\.0\.9 +10\.0\.1\.1 +tcp\/22 +refused +lab-01/);
    expect(page).toContain("silent: lab-07");
    expect(page).toContain("waiting: lab-09");
    expect(page).toMatch(/SENSOR +REASON +FROM +TO +MISSED/);
    expect(page).toMatch(/lab-07 +silent +2025-10-09 08:53:20Z +goes on +-/);
    expect(page).toMatch(/lab-08 +dropping +2025-10-09 08:53:21Z +2025-10-09 08:53:23Z +17 packets/);
  });

  it("paint severities only when colours are wanted", async () => {
    const run = new ClientRun(["incidents", "list", ...server], true);
    await run.end;
    expect(run.out).toContain("\u001b[1;97;41mcritical\u001b[0m");
    expect(await picket("incidents", "list", ...server)).not.toContain("\u001b");
  });

  it("let no control character of the network through to the terminal", async () => {
    const hostile = await ApiFixture.start({}, new MemoryIncidentStore());
    await hostile.incidents.commit(
      [buildEvent({ summary: "x\u001b]0;owned\u0007y", sources: ["\u001b[2J"] })],
      1,
    );
    const args = ["--server", hostile.api.address];
    const texts = [
      await picket("incidents", "list", ...args),
      await picket("incidents", "show", "00000000000000aa", ...args),
      await picket("incidents", "watch", "--cursor", "0", "--count", "1", ...args),
    ];
    for (const text of texts) expect(text).not.toContain("\u001b");
    await hostile.stop();
  });

  it("list the sensors", async () => {
    expect(await picket("sensors", ...server)).toMatch(/lab-01 +silent +0 +1234 +0 +2 +0 /);
    expect(JSON.parse(await picket("sensors", "--json", ...server))).toMatchObject({
      appliedRecords: "1234",
      rejectedBatches: { epoch: "2" },
      appliedSinceTime: "2025-10-09T08:53:20.000Z",
    });
  });

  it("list the networks of the sensors, and what is inside", async () => {
    const fleet = await ApiFixture.start();
    const args = ["--server", fleet.api.address];
    await fleet.sensors.recordStatus(buildSensor());
    expect(await picket("sensors", ...args)).toContain("10.0.0.0/24 2001:db8::/64 +1");
    const table = await picket("sensors", "--networks", ...args);
    expect(table).toMatch(/2001:db8::\/64 +yes +sensors on it +lab-01\n/);
    expect(table).toMatch(/no +not believed: 1 wide +lab-01\n/);
    await fleet.stop();
  });

  it("hide drills unless everything is asked for, and say what they are", async () => {
    const drills = await ApiFixture.start({}, new MemoryIncidentStore());
    const evidence = [{ sensor: "doctor-hq", contactCount: 40, firstSeenMs: 1, lastSeenMs: 2 }];
    const parties = { evidence, sources: ["203.0.113.7"], targets: ["198.51.100.1"] };
    await drills.incidents.commit([buildEvent({ id: "00000000000000dd", ...parties }), buildEvent()], 1);
    const args = ["--server", drills.api.address];
    expect(await picket("incidents", "list", ...args)).not.toContain("00000000000000dd");
    expect(await picket("incidents", "list", "--all", ...args)).toContain("00000000000000dd");
    expect(await picket("incidents", "show", "00000000000000dd", ...args)).toMatch(
      /drill +a synthetic scan of picket doctor/,
    );
    const watched = await picket("incidents", "watch", "--cursor", "0", "--count", "1", ...args);
    expect(watched).not.toContain("00000000000000dd");
    await drills.stop();
  });

  it("show clocks that are off", async () => {
    const fleet = await ApiFixture.start();
    await fleet.sensors.recordStatus(buildSensor({ name: "ahead", clockSkewMs: 300_040 }));
    await fleet.sensors.recordStatus(buildSensor({ name: "behind", clockSkewMs: -2501 }));
    await fleet.sensors.recordStatus(buildSensor({ name: "right", clockSkewMs: 1999 }));
    const text = await picket("sensors", "--server", fleet.api.address);
    expect(text).toMatch(/^SENSOR .* CLOCK /);
    expect(text).toMatch(/^ahead .* \+300\.0 s /m);
    expect(text).toMatch(/^behind .* -2\.5 s /m);
    expect(text).not.toMatch(/^right .* 2\.0 s /m);
    await fleet.stop();
  });

  it("watch the sensors and print each change of a state", async () => {
    const fleet = await ApiFixture.start();
    const status = { name: "lab-01", lastStatusMs: nowMs } as const;
    await fleet.sensors.recordStatus(buildSensor({ ...status, state: "running", detail: "" }));
    const run = new ClientRun(["sensors", "--watch", "--server", fleet.api.address]);
    await until(() => run.out !== "", "the first state");
    await fleet.sensors.recordStatus(buildSensor({ ...status, state: "waiting", detail: "eth0 is down" }));
    await until(() => run.out.includes("waiting"), "the change");
    run.interrupt();
    await run.end;
    expect(run.out).toBe(
      "2025-10-09 08:55:00Z  lab-01  running\n2025-10-09 08:55:00Z  lab-01  waiting  eth0 is down\n",
    );
    await new ClientRun(["sensors", "--watch", "--json", "--timeout", "1", "--server", fleet.api.address])
      .end;
    await fleet.stop();
  });

  it("watch as many changes as asked for and say where to resume", async () => {
    const run = new ClientRun(["incidents", "watch", "--cursor", "0", "--count", "2", "--json", ...server]);
    await run.end;
    const lines = run.out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.map((line) => line.incidentEvent.incident.id.slice(-2))).toEqual(["aa", "bb"]);
    expect(run.notes).toBe(`resume with --cursor ${lines[1].cursor}\n`);
  });

  it("end a watch cleanly at its time and when interrupted", async () => {
    await new ClientRun(["incidents", "watch", "--timeout", "1", ...server]).end;
    const run = new ClientRun(["incidents", "watch", "--cursor", "0", ...server]);
    await until(() => run.out.includes("00000000000000cc"), "all three changes");
    run.interrupt();
    await run.end;
    expect(run.notes).toMatch(/resume with --cursor [0-9a-f]{12}\.3\n/);
  });

  it("resume a watch by cursor when the api comes back", async () => {
    const incidents = new MemoryIncidentStore();
    const before = await ApiFixture.start({}, incidents);
    const listen = before.api.address;
    const run = new ClientRun([
      "incidents",
      "watch",
      "--count",
      "2",
      "--cursor",
      "0",
      "--json",
      "--server",
      listen,
    ]);
    await incidents.commit([buildEvent()], 1);
    await until(() => run.out !== "", "the first change");
    await before.api.stop();
    await incidents.commit([buildEvent({ revision: 2 })], 1);
    const after = await ApiFixture.start({ listen }, incidents);
    await run.end;
    expect(run.notes).toContain("went away; resuming");
    const revisions = run.out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).incidentEvent.incident.revision);
    expect(revisions).toEqual(["1", "2"]);
    await after.stop();
    await before.stop();
  });

  it("change settings by name in either case and show the difference", async () => {
    const out = await picket("policy", "set", "scan.crowdSourcesMin=4", "scan.hosts_per_port=30", ...server);
    expect(out).toBe("scan.crowdSourcesMin: 5 -> 4\nscan.hostsPerPort: 25 -> 30\npolicy revision 1\n");
    const shown = await picket("policy", "show", ...server);
    expect(shown).toMatch(/scan\.crowdSourcesMin +4 +5 +Failing sources/);
    expect(
      await picket("policy", "set", "scan.crowdSourcesMin=default", "--comment", "back", ...server),
    ).toBe("scan.crowdSourcesMin: 4 -> 5\npolicy revision 2: back\n");
  });

  it("check a change without making it", async () => {
    const before = await picket("policy", "show", "--json", ...server);
    const out = await picket(
      "policy",
      "set",
      "homeNetworks=10.0.0.0/8,192.168.0.0/16",
      "--dry-run",
      ...server,
    );
    expect(out).toContain("homeNetworks: (empty) -> 10.0.0.0/8,192.168.0.0/16\nchecked, nothing changed");
    expect(await picket("policy", "show", "--json", ...server)).toBe(before);
  });

  it("replace the policy by a file in YAML of either case, or by what show printed", async () => {
    const file = path.join(folder, "policy.yaml");
    await writeFile(file, "scan:\n  ports_per_target: 20\nsensor: {filter: tcp port 80}\n");
    expect(await picket("policy", "set", "--file", file, ...server)).toMatch(
      /scan\.portsPerTarget: 15 -> 20\nscan\.hostsPerPort: 30 -> 25\nsensor\.filter: \(empty\) -> tcp port 80\npolicy/,
    );
    const shown = path.join(folder, "shown.json");
    await writeFile(shown, await picket("policy", "show", "--json", ...server));
    expect(await picket("policy", "set", "--file", shown, ...server)).toContain("no setting differs");
    await expect(picket("policy", "set", "--file", shown, ...server)).rejects.toMatchObject({
      code: "CONFLICT",
    });
  });

  const broken = (content: string) => async (): Promise<string[]> => {
    const file = path.join(folder, "broken.yaml");
    await writeFile(file, content);
    return ["policy", "set", "--file", file];
  };
  it.each<[string, string[] | (() => Promise<string[]>), string]>([
    [
      "a setting out of range",
      ["policy", "set", "scan.crowdSourcesMin=1"],
      "scan.crowd_sources_min: must be at least 2",
    ],
    ["a setting that is no number", ["policy", "set", "burst.zMin=high"], "burst.z_min: must be a number"],
    ["an unknown setting", ["policy", "set", "scan.nothing=1"], "scan.nothing: is not a field of the policy"],
    ["an assignment without a value", ["policy", "set", "scan.crowdSourcesMin"], "must be FIELD=VALUE"],
    ["nothing to set", ["policy", "set"], "policy set: give FIELD=VALUE or --file FILE"],
    [
      "an empty list of ports",
      ["policy", "set", "scan.peerToPeerPorts="],
      "scan.peer_to_peer_ports: must not be empty",
    ],
    [
      "a missing file",
      ["policy", "set", "--file", "/nonexistent.yaml"],
      "cannot read the policy file /nonexistent.yaml",
    ],
    ["a file that is no YAML", broken("scan: [1\n  x: {"), "cannot read the policy file"],
    ["a file with an unknown key", broken("scan:\n  crowd: 1\n"), "broken.yaml: scan.crowd: is not a field"],
    ["an unknown id", ["incidents", "show", "ffffffffffffffff"], "no incident has the id ffffffffffffffff"],
    [
      "a source that is no address",
      ["incidents", "list", "--source", "web"],
      "filter.source: must be an IPv4 or IPv6",
    ],
    [
      "a cursor that is none",
      ["incidents", "watch", "--cursor", "x"],
      "cursor: must be empty, 0 or the cursor",
    ],
    ["an unknown order", ["incidents", "list", "--order", "name"], "order_by: must be one of"],
    ["an unknown kind", ["incidents", "list", "--kind", "oops"], "argument 'oops' is invalid"],
    [
      "a time that is none",
      ["incidents", "list", "--since", "soon"],
      "give 90s, 15m, 1h, 2d or an ISO 8601 time",
    ],
    ["a count that is none", ["incidents", "watch", "--count", "0"], "give a whole number from 1 on"],
    [
      "half of a certificate",
      ["sensors", "--tls-certificate", "x.pem"],
      "--tls-certificate and --tls-key must be given together",
    ],
  ])("say in one line what is wrong with %s", async (_name, args, message) => {
    const full = [...(typeof args === "function" ? await args() : args), ...server];
    await expect(new ClientRun(full).end).rejects.toMatchObject({
      message: expect.stringMatching(new RegExp(`^[^\\n]*${message.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`)),
    });
  });

  it.each([["incidents", "list"], ["incidents", "watch"], ["sensors"], ["policy", "show"]])(
    "say how to start an api that is not there: %s %s",
    async (...args) => {
      const nobody = ["--server", "127.0.0.1:1"];
      await expect(new ClientRun([...args, ...nobody]).end).rejects.toMatchObject({
        code: "SERVER_UNREACHABLE",
        message: "cannot reach the api at 127.0.0.1:1: start it with `picket up` or give --server",
      });
    },
  );

  it("refuse a server that is no address", async () => {
    await expect(new ClientRun(["sensors", "--server", "http://x/"]).end).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  it.each([
    ["incidents", "list"],
    ["incidents", "show"],
    ["incidents", "watch"],
    ["sensors"],
    ["policy", "show"],
    ["policy", "set"],
  ])("have an example in the help of %s %s", async (...args) => {
    const run = new ClientRun([...args, "--help"]);
    await expect(run.end).rejects.toMatchObject({ exitCode: 0 });
    expect(run.out).toContain(`Example:\n  picket ${args.join(" ")}`);
  });
});
