import { createServer } from "node:net";
import { Client, credentials, status } from "@grpc/grpc-js";
import { apiServingSchema } from "@picket/api/config.js";
import { runApi } from "@picket/api/main.js";
import { buildEvent } from "@picket/correlator/adapters/memory/incident-fixture.js";
import type { Severity } from "@picket/correlator/incidents/incident.js";
import { defaultPolicy } from "@picket/correlator/policy/policy.js";
import {
  IncidentFilter,
  IncidentState,
  ListIncidentsRequest,
  Severity as WireSeverity,
  UpdateIncidentRequest,
} from "@picket/proto/generated/picket/v1/incident.js";
import type { Incident, ListIncidentsResponse } from "@picket/proto/generated/picket/v1/incident.js";
import {
  UpdatePolicyRequest,
  type DeepPartial,
  type Policy,
} from "@picket/proto/generated/picket/v1/policy.js";
import type { ListSensorsResponse } from "@picket/proto/generated/picket/v1/sensor.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildApplied } from "../conformance/batch-reports.js";
import { ApiFixture, result } from "./api-fixture.js";

const incidentId = (i: number): string => i.toString(16).padStart(16, "0");

describe("the api", () => {
  let fixture: ApiFixture;
  beforeAll(async () => {
    fixture = await ApiFixture.start();
    const severities: Severity[] = ["low", "high", "medium"];
    const events = Array.from({ length: 25 }, (_, i) =>
      buildEvent({
        id: incidentId(i),
        severity: severities[i % 3],
        lastSeenMs: 1_760_000_000_000 + (i % 7) * 1000,
      }),
    );
    events.push(buildEvent({ id: incidentId(99), state: "retracted", retractReason: "not confirmed" }));
    await fixture.incidents.commit(events, 1);
  });
  afterAll(() => fixture.stop());

  const list = (request: Parameters<typeof ListIncidentsRequest.create>[0]): Promise<ListIncidentsResponse> =>
    result((callback) =>
      fixture.incidentClient.listIncidents(ListIncidentsRequest.create(request), callback),
    );

  it("lists every incident once over pages, latest first", async () => {
    const seen: { id: string; seconds: bigint }[] = [];
    let pageToken = "";
    do {
      const page = await list({ pageSize: 4, pageToken });
      expect(page.incidents.length).toBeLessThanOrEqual(4);
      seen.push(
        ...page.incidents.map(({ id, lastSeenTime }) => ({ id, seconds: lastSeenTime?.seconds ?? 0n })),
      );
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(new Set(seen.map(({ id }) => id)).size).toBe(25);
    expect(seen).toHaveLength(25);
    expect(seen).toEqual([...seen].sort((a, b) => Number(b.seconds - a.seconds) || (a.id < b.id ? -1 : 1)));
  });

  it("filters, and shows retracted incidents only when asked to", async () => {
    const high = await list({ filter: { minSeverity: WireSeverity.SEVERITY_HIGH } });
    expect(high.incidents).toHaveLength(8);
    const all = await list({ filter: { includeInactive: true } });
    expect(all.incidents).toHaveLength(26);
  });

  it("orders by severity", async () => {
    const { incidents } = await list({ orderBy: "severity desc" });
    const severities = incidents.map(({ severity }) => severity);
    expect(severities).toEqual([...severities].sort((a, b) => b - a));
  });

  it("ends a page early rather than exceed what a client takes", async () => {
    const big = await ApiFixture.start();
    const targets = Array.from({ length: 5000 }, (_, i) => `10.1.${i >> 8}.${i & 255}`);
    await big.incidents.commit(
      Array.from({ length: 60 }, (_, i) => buildEvent({ id: incidentId(i), targets })),
      1,
    );
    const request = ListIncidentsRequest.create({ pageSize: 1000 });
    const page: ListIncidentsResponse = await result((callback) =>
      big.incidentClient.listIncidents(request, callback),
    );
    expect(page.incidents.length).toBeLessThan(60);
    expect(page.incidents.length).toBeGreaterThan(5);
    expect(page.nextPageToken).not.toBe("");
    await big.stop();
  });

  const wrongRequests: [string, Parameters<typeof ListIncidentsRequest.create>[0], string][] = [
    ["a negative page size", { pageSize: -1 }, "page_size: must be 1 to 1000"],
    ["too large a page size", { pageSize: 1001 }, "page_size: must be 1 to 1000"],
    ["an unknown order", { orderBy: "name" }, "order_by: must be one of last_seen desc"],
    ["an inherited name as order", { orderBy: "constructor" }, "order_by: must be one of"],
    ["a page token that is none", { pageToken: "%%%" }, "page_token: must be the next_page_token"],
    ["an unknown kind", { filter: { kinds: [1, Number(99)] } }, "filter.kinds[1]: has no value 99"],
    ["an unspecified kind", { filter: { kinds: [0] } }, "filter.kinds[0]: has no value 0"],
    ["an unknown severity", { filter: { minSeverity: Number(6) } }, "filter.min_severity: has no value 6"],
    ["an unknown state", { filter: { states: [-1] } }, "filter.states[0]: has no value -1"],
    [
      "a source that is no address",
      { filter: { source: "10.0.0" } },
      "filter.source: must be an IPv4 or IPv6",
    ],
    ["a target that is no address", { filter: { target: "web" } }, "filter.target: must be an IPv4 or IPv6"],
    [
      "a time with impossible nanoseconds",
      { filter: { seenAfter: { seconds: 1n, nanos: -1 } } },
      "filter.seen_after:",
    ],
    [
      "times in the wrong order",
      { filter: { seenAfter: { seconds: 9n }, seenBefore: { seconds: 8n } } },
      "filter.seen_before: must not be before filter.seen_after",
    ],
  ];
  it.each(wrongRequests)("says which field is wrong: %s", async (_name, request, details) => {
    await expect(list(request)).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining(details),
    });
  });

  it("refuses a page token of another filter", async () => {
    const { nextPageToken } = await list({ pageSize: 4 });
    const other = list({
      pageSize: 4,
      pageToken: nextPageToken,
      filter: IncidentFilter.create({ sensor: "lab-01" }),
    });
    await expect(other).rejects.toMatchObject({
      details: expect.stringContaining("page_token: belongs to another"),
    });
  });

  it("gets an incident with its evidence, and says when there is none", async () => {
    const get = (id: string) => result((callback) => fixture.incidentClient.getIncident({ id }, callback));
    expect(await get(incidentId(3))).toMatchObject({
      id: incidentId(3),
      evidence: [{ sensor: "lab-01" }, {}],
    });
    await expect(get("ffffffffffffffff")).rejects.toMatchObject({ code: status.NOT_FOUND });
    await expect(get("")).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    await expect(get("a b")).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  it("acknowledges, annotates and closes an incident", async () => {
    const other = await ApiFixture.start();
    await other.incidents.commit([buildEvent({ id: incidentId(1) })], 1);
    const update = (fields: Partial<UpdateIncidentRequest>): Promise<Incident> =>
      result((callback) =>
        other.incidentClient.updateIncident(
          UpdateIncidentRequest.create({ id: incidentId(1), author: "ana", ...fields }),
          callback,
        ),
      );
    const acknowledge = { $case: "acknowledge", acknowledge: { note: "" } } as const;
    const close = { $case: "close", close: { note: "announced" } } as const;
    expect(await update({ action: acknowledge, revision: 1n })).toMatchObject({
      revision: 2n,
      review: { acknowledgement: { author: "ana", time: { seconds: 1_760_000_100n } } },
    });
    await expect(update({ action: close, revision: 1n })).rejects.toMatchObject({
      code: status.ABORTED,
      details: "revision: the incident is at revision 2 by now: read it again",
    });
    const closed = await update({ action: close, requestId: "r-1" });
    expect(closed).toMatchObject({ state: IncidentState.INCIDENT_STATE_CLOSED, revision: 3n });
    expect(await update({ action: close, requestId: "r-1", revision: 1n })).toEqual(closed);
    expect(
      await result((callback) => other.incidentClient.getIncident({ id: incidentId(1) }, callback)),
    ).toEqual(closed);
    await expect(update({ id: incidentId(2), action: close })).rejects.toMatchObject({
      code: status.NOT_FOUND,
      details: `id: no incident has the id ${incidentId(2)}`,
    });
    await expect(update({ action: undefined })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: "action: must be acknowledge, close or annotate",
    });
    await other.stop();
  });

  it("refuses a request of more than 1 MiB", async () => {
    await expect(list({ pageToken: "x".repeat(1024 * 1024) })).rejects.toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
    });
  });

  it("answers bytes that are no message with an error, and goes on", async () => {
    const client = new Client(fixture.api.address, credentials.createInsecure());
    const same = (bytes: Buffer): Buffer => bytes;
    let seed = 7;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % below;
    };
    const codes = new Set<number>();
    for (let i = 0; i < 300; i++) {
      const bytes = Buffer.from(Array.from({ length: random(40) }, () => random(256)));
      const method = [
        "IncidentService/ListIncidents",
        "PolicyService/UpdatePolicy",
        "SensorService/ListSensors",
      ][i % 3];
      const code = await new Promise<number>((resolve) => {
        client.makeUnaryRequest(`/picket.v1.${method}`, same, same, bytes, (error) =>
          resolve(error?.code ?? status.OK),
        );
      });
      codes.add(code);
    }
    client.close();
    expect(
      [...codes].every((code) => [status.OK, status.INTERNAL, status.INVALID_ARGUMENT].includes(code)),
    ).toBe(true);
    expect((await list({})).incidents).toHaveLength(25);
  });

  it("lists sensors in order of name over pages", async () => {
    for (const name of ["lab-03", "lab-01", "lab-02"])
      await fixture.sensors.recordApplied([buildApplied({ sensor: name })]);
    const page = (pageToken: string): Promise<ListSensorsResponse> =>
      result((callback) =>
        fixture.sensorClient.listSensors({ pageSize: 2, pageToken, includeDrills: false }, callback),
      );
    const first = await page("");
    const second = await page(first.nextPageToken);
    expect([...first.sensors, ...second.sensors].map(({ name }) => name)).toEqual([
      "lab-01",
      "lab-02",
      "lab-03",
    ]);
    expect(second.nextPageToken).toBe("");
    await expect(page("zz")).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });
});

describe("the policy in the api", () => {
  let fixture: ApiFixture;
  beforeAll(async () => {
    fixture = await ApiFixture.start();
  });
  afterAll(() => fixture.stop());

  const get = (): Promise<Policy> => result((callback) => fixture.policyClient.getPolicy({}, callback));
  const update = (policy: DeepPartial<Policy>, validateOnly = false): Promise<Policy> =>
    result((callback) =>
      fixture.policyClient.updatePolicy(UpdatePolicyRequest.create({ policy, validateOnly }), callback),
    );

  it("comes with every field resolved", async () => {
    const policy = await get();
    expect(policy.scan).toEqual(defaultPolicy.scan);
    expect(policy.sensor).toEqual(defaultPolicy.sensor);
    expect(policy.etag).not.toBe("");
  });

  it("is replaced whole: absent fields have their defaults again", async () => {
    const first = await update({
      etag: (await get()).etag,
      scan: { crowdSourcesMin: 4 },
      burst: { zMin: 9 },
    });
    expect(first).toMatchObject({ revision: 1n, scan: { crowdSourcesMin: 4 }, burst: { zMin: 9 } });
    const second = await update({
      etag: first.etag,
      scan: { hostsPerPort: 30 },
      author: "ada",
      comment: "why",
    });
    expect(second).toMatchObject({ revision: 2n, author: "ada", comment: "why" });
    expect(second.scan).toEqual({ ...defaultPolicy.scan, hostsPerPort: 30 });
    expect(second.burst?.zMin).toBe(defaultPolicy.burst.zMin);
    expect(await get()).toEqual(second);
  });

  it("stays the same when what was read is written back", async () => {
    const before = await get();
    const after = await update(before);
    expect(after.scan).toEqual(before.scan);
    expect(after.homeNetworks).toEqual(before.homeNetworks);
  });

  it("is not changed by a check", async () => {
    const before = await get();
    const checked = await update({ etag: before.etag, scan: { crowdSourcesMin: 7 } }, true);
    expect(checked.scan?.crowdSourcesMin).toBe(7);
    expect(await get()).toEqual(before);
  });

  it("is not changed with an old etag", async () => {
    await expect(update({ etag: "0" })).rejects.toMatchObject({ code: status.ABORTED });
    await expect(update({ etag: "0" }, true)).rejects.toMatchObject({ code: status.ABORTED });
  });

  it.each([
    [{ scan: { crowdSourcesMin: 1 } }, "scan.crowd_sources_min: must be at least 2"],
    [{ scan: { crowdSourcesMin: 1001 } }, "scan.crowd_sources_min: must be at most 1000"],
    [{ scan: { benignSuccessProbability: Number.NaN } }, "scan.benign_success_probability: must be a number"],
    [{ scan: { peerToPeerPorts: [80, 0] } }, "scan.peer_to_peer_ports[1]: must be at least 1"],
    [{ burst: { synFloodPerSecondMin: 1 } }, "burst.syn_flood_per_second_min: must be at least 10"],
    [{ incident: { confidenceMin: 2 } }, "incident.confidence_min: must be at most 1"],
    [{ sensor: { filter: "x".repeat(4097) } }, "sensor.filter: must be at most 4096 characters long"],
    [
      { homeNetworks: ["10.0.0.0/8", "10.0.0.0/33"] },
      "home_networks[1]: must be a CIDR block, for example 10.0.0.0/8",
    ],
  ])("names the field that cannot be used: %j", async (settings, details) => {
    const { etag } = await get();
    await expect(update({ etag, ...settings })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details,
    });
  });

  it("needs the etag of what it replaces", async () => {
    await expect(update({})).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });
});

describe("starting the api", () => {
  it("says in one line that its port is taken", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => void other.listen(0, "127.0.0.1", resolve));
    const address = other.address();
    const port = typeof address === "object" ? address?.port : 0;
    await expect(ApiFixture.start({ listen: `127.0.0.1:${port}` })).rejects.toMatchObject({
      code: "ADDRESS_IN_USE",
      message: `127.0.0.1:${port} is taken by another program: stop it or listen elsewhere`,
    });
    await new Promise((resolve) => other.close(resolve));
  });

  it.each(["192.0.2.1:0", "no-such-host.invalid:0"])("says that it cannot listen on %s", async (listen) => {
    await expect(ApiFixture.start({ listen })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      field: "listen",
    });
  });

  it.each(["localhost", "1.2.3.4:99999", "::1:50061"])("refuses %s as an address to listen on", (listen) => {
    expect(apiServingSchema.safeParse({ listen }).success).toBe(false);
  });

  it("names the TLS file that cannot be read or is missing", async () => {
    const missing = { tlsCertificateFile: "/nonexistent/cert.pem", tlsKeyFile: "/nonexistent/key.pem" };
    await expect(ApiFixture.start(missing)).rejects.toMatchObject({ code: "FILE_UNREADABLE" });
    await expect(ApiFixture.start({ tlsKeyFile: "key.pem" })).rejects.toMatchObject({
      field: "tlsCertificateFile",
    });
  });

  it("stops when its signal aborts, also before it began", async () => {
    const fixture = await ApiFixture.start();
    const ports = {
      incidents: fixture.incidents,
      policy: fixture.policy,
      sensors: fixture.sensors,
      profiles: fixture.profiles,
      now: () => 0,
    };
    const config = apiServingSchema.parse({ listen: "127.0.0.1:0", logLevel: "error" });
    const { address } = await runApi(config, ports, AbortSignal.abort());
    const again = await runApi({ ...config, listen: address }, ports);
    await again.stop();
    await fixture.stop();
  });
});
