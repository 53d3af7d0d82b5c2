import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

import { afterAll, afterEach, describe, expect, it } from "vitest";

import { isBuilt, PicketProcess, runPicket } from "./picket-process.js";

interface ShownIncident {
  readonly id: string;
  readonly sources: readonly string[];
  readonly evidence: readonly unknown[];
}

describe.runIf(isBuilt)("picket up --demo", () => {
  const folder = mkdtempSync(join(tmpdir(), "picket-up-"));
  let up: PicketProcess | undefined;
  afterEach(async () => {
    up?.signal("SIGKILL");
    await up?.ended;
    up = undefined;
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const start = async (...args: string[]): Promise<string> => {
    up = new PicketProcess(["up", "--demo", "--listen", "127.0.0.1:0", ...args]);
    return up.match(/serves gRPC on (\S+)/);
  };
  const listed = async (server: string): Promise<ShownIncident[]> => {
    const { stdout } = await runPicket(["incidents", "list", "--json", "--server", server]);
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as ShownIncident);
  };
  /** The incident that names all ten sources and all eight sensors. */
  const wholeIncident = async (server: string): Promise<ShownIncident> => {
    const untilMs = performance.now() + 60_000;
    for (;;) {
      const found = (await listed(server)).find(
        (each) => each.sources.length === 10 && each.evidence.length === 8,
      );
      if (found !== undefined) return found;
      if (performance.now() > untilMs) throw new Error("the incident did not come within 60 s");
      await wait(100);
    }
  };

  it(
    "serves one incident of ten sources within seconds, and stops cleanly",
    { timeout: 180_000 },
    async () => {
      const server = await start();
      const incident = await wholeIncident(server);
      expect(await listed(server)).toHaveLength(1);
      const shown = await runPicket(["incidents", "show", incident.id, "--server", server]);
      expect(shown.stdout).toContain(incident.id);
      expect(shown.code).toBe(0);
      const sensors = await runPicket(["sensors", "--json", "--server", server]);
      expect(sensors.stdout.trim().split("\n")).toHaveLength(8);
      up?.signal("SIGINT");
      const ended = await up?.ended;
      expect(ended?.stderr).toBe("");
      expect(ended?.code).toBe(0);
    },
  );

  it("still knows its incidents and what was said of them after a kill", { timeout: 180_000 }, async () => {
    const state = join(folder, "state");
    const server = await start("--state", state);
    const { id } = await wholeIncident(server);
    const who = ["--author", "ana", "--server", server];
    const acknowledged = await runPicket(["incidents", "ack", id, "--note", "a class", ...who]);
    expect(acknowledged).toMatchObject({ code: 0, stderr: "" });
    expect(acknowledged.stdout).toContain(`${id}: `);
    const refused = await runPicket(["incidents", "close", "ffffffffffffffff", ...who]);
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toContain("no incident has the id ffffffffffffffff");
    up?.signal("SIGKILL");
    await up?.ended;
    expect(existsSync(join(state, "incidents.journal"))).toBe(true);
    const again = await start("--state", state);
    expect((await listed(again)).map((each) => each.id)).toContain(id);
    const { stdout } = await runPicket(["incidents", "show", id, "--server", again]);
    expect(stdout).toMatch(/^ack +ana, \d{4}-/m);
    expect(stdout).toMatch(/Notes\n {2}ana, .*\n {4}a class\n/);
  });

  it("stops in order at a termination signal too", { timeout: 180_000 }, async () => {
    await start();
    up?.signal("SIGTERM");
    expect((await up?.ended)?.code).toBe(0);
  });
});
