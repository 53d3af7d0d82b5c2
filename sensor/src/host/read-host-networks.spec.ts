import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readHostNetworks, tableBytesMax } from "./read-host-networks.js";

const folder = mkdtempSync(join(tmpdir(), "picket-routes-"));
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

const missing = join(folder, "missing");
/** 10.77.0.0/16 through a router. */
const line = `eth0\t00004D0A\t010200C0\t0003\t0\t0\t0\t0000FFFF\t0\t0\t0`.padEnd(127);

describe("reading the networks of this host", () => {
  it("takes the routes of a table, and does without one", () => {
    const tables = { ipv4: fileOf("route", `Iface\n${line}\n`), ipv6: missing };
    expect(readHostNetworks(tables).routed).toContain("10.77.0.0/16");
    const none = readHostNetworks({ ipv4: missing, ipv6: missing });
    expect(none).toMatchObject({ routed: [], leftOut: 0, tablesCut: 0 });
  });

  it("reads a very long table as far as it may, and says so", () => {
    const lines = Array.from({ length: tableBytesMax / 100 }, () => `${line}\n`);
    const tables = { ipv4: fileOf("long", lines.join("")), ipv6: missing };
    expect(readHostNetworks(tables)).toMatchObject({ routed: ["10.77.0.0/16"], tablesCut: 1 });
  });
});
