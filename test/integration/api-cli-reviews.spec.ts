import { buildEvent } from "@picket/correlator/adapters/memory/incident-fixture.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ApiFixture } from "./api-fixture.js";
import { picket } from "./client-run.js";

const id = "00000000000000aa";

describe("the client commands that review an incident", () => {
  let lab: ApiFixture;
  let server: string[];
  beforeEach(async () => {
    lab = await ApiFixture.start();
    server = ["--server", lab.api.address];
    await lab.incidents.commit([buildEvent(), buildEvent({ id: "00000000000000bb" })], 1);
  });
  afterEach(() => lab.stop());

  const review = (...words: string[]): Promise<string> =>
    picket("incidents", ...words, "--author", "ana@lab", ...server);
  const list = (...more: string[]): Promise<string> => picket("incidents", "list", ...server, ...more);

  it("say how it stands then", async () => {
    expect(await review("ack", id, "--note", "mine")).toBe(`${id}: open, acknowledged by ana@lab, 1 note\n`);
    expect(await review("note", id, "asked")).toBe(`${id}: open, acknowledged by ana@lab, 2 notes\n`);
    expect(await review("close", id)).toBe(`${id}: closed, acknowledged by ana@lab, 2 notes\n`);
    expect(JSON.parse(await review("ack", id, "--json"))).toMatchObject({
      state: "INCIDENT_STATE_CLOSED",
      review: { acknowledgement: { author: "ana@lab", time: "2025-10-09T08:55:00.000Z" } },
    });
  });

  it("are seen in lists", async () => {
    await review("ack", id);
    expect(await list("--acknowledged")).toMatch(/00000000000000aa .* open \(acknowledged\) /);
    expect(await list("--acknowledged")).not.toContain("00000000000000bb");
    expect(await list("--no-acknowledged")).not.toContain(id);
  });

  it("are seen on the incident's page, without control characters", async () => {
    await review("ack", id, "--note", "mine");
    await review("note", id, "two\nlines\u001b[2J");
    await review("close", id);
    const page = await picket("incidents", "show", id, ...server);
    expect(page).toMatch(/^state {7}closed \(acknowledged\)$/m);
    expect(page).toMatch(/^ack {9}ana@lab, 2025-10-09 08:55:00Z$/m);
    expect(page).toMatch(/^closed {6}ana@lab, 2025-10-09 08:55:00Z$/m);
    expect(page).toMatch(
      /Notes\n {2}ana@lab, 2025-10-09 08:55:00Z\n {4}mine\n {2}ana@lab, .*\n {4}two\n {4}lines/,
    );
    expect(page).not.toContain("\u001b");
  });

  it("are told to watchers", async () => {
    await review("ack", id);
    await review("note", id, "asked");
    await review("close", id);
    const events = await picket("incidents", "watch", "--cursor", "0", "--count", "5", ...server);
    const types = events
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/ {2,}/)[1]);
    expect(types).toEqual(["opened", "opened", "acknowledged", "annotated", "closed"]);
  });

  it("fail for an unknown incident and an empty note", async () => {
    await expect(review("ack", "ffffffffffffffff")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(review("note", id, " ")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});
