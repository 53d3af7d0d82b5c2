import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { defaultPolicy } from "../policy/policy.js";
import { contactSliceMs, type Contact } from "../windows/window-store.js";
import type { SourceContacts } from "../windows/source-contacts.js";
import { detectSourceScan } from "./source-scan.js";

const slice = 2_983_000;
const startMs = slice * contactSliceMs;
const evaluation = {
  slice,
  confirmed: true,
  policy: defaultPolicy,
  policyRevision: 1,
  isInside: (address: string) => address.startsWith("\n"),
};
const host = " \x01\r\xb8\0\x05\0\x01";

function contact(destination: string, port: number, outcome: number, afterMs: number): Contact {
  const firstMs = startMs + afterMs;
  return { destination, protocol: 6, port, firstMs, outcome, stealth: 0, sensors: [1] } as unknown as Contact;
}

function contacts(source: string, failed: Contact[], answered: Contact[] = []): SourceContacts {
  const answeredHosts = new Map(answered.map(({ destination, firstMs }) => [destination, firstMs]));
  return { source, failed, answered, answeredHosts, refused: 0 } as unknown as SourceContacts;
}

/** Places in networks of their own, or all in one. */
function places(count: number, port: number, isSpread: boolean): Contact[] {
  return Array.from({ length: count }, (_, place) =>
    contact(
      `*\x02${String.fromCharCode(isSpread ? place : 1)}\0\0\0${"\0".repeat(9)}${String.fromCharCode(place)}`,
      port,
      Outcome.ignored,
      place * 5000,
    ),
  );
}

describe("a host whose IPv6 leads nowhere", () => {
  it.each([
    ["web places in networks of their own", places(100, 443, true), "fan_out", "low"],
    ["web servers of one network", places(100, 443, false), "horizontal_scan", "high"],
    ["another port in many networks", places(100, 22, true), "horizontal_scan", "high"],
  ])("%s", (_, failed, kind, severity) => {
    expect(detectSourceScan(contacts(host, failed), evaluation)).toMatchObject({ kind, severity });
  });
});

describe("a host that seeks peers which are gone", () => {
  /** Hosts in as many /24, at as many ports, in turn. */
  const peers = (networks: number, ports: number, first = 50): Contact[] =>
    Array.from({ length: 30 }, (_, peer) =>
      contact(
        String.fromCharCode(first, peer % networks, 7, peer),
        20_000 + (peer % ports),
        Outcome.ignored,
        peer * 2000,
      ),
    );

  it.each([
    ["hosts and ports of their own", "\n\0\0\x05", peers(30, 30), "fan_out", "low"],
    ["as few networks and ports as peers may have", "\n\0\0\x05", peers(24, 15), "fan_out", "low"],
    ["fewer networks", "\n\0\0\x05", peers(23, 15), "block_scan", "medium"],
    ["fewer ports", "\n\0\0\x05", peers(24, 14), "block_scan", "medium"],
    ["inside hosts", "\n\0\0\x05", peers(30, 30, 10), "block_scan", "medium"],
    ["a source outside", "c\0\0\x01", peers(30, 30, 10), "block_scan", "medium"],
  ])("%s", (_, source, failed, kind, severity) => {
    expect(detectSourceScan(contacts(source, failed), evaluation)).toMatchObject({ kind, severity });
  });

  it("low ports are services", () => {
    const services = peers(30, 30).map((peer) => ({ ...peer, port: peer.port - 19_990 }));
    const finding = detectSourceScan(contacts("\n\0\0\x05", services), evaluation);
    expect(finding?.kind).toBe("block_scan");
  });
});

describe("datagrams that fail at web sites", () => {
  const inside = "\n\0\0\x05";
  const sites = (protocol: number, outcome: number, port = 443): Contact[] =>
    places(40, port, true).map((place) => ({ ...place, protocol, outcome }));

  it.each([
    ["filtered, where the same port answers over TCP", Outcome.ignored, 443, undefined],
    ["refused, where the same port answers over TCP", Outcome.unreachable, 443, undefined],
    ["filtered, where another port answers", Outcome.ignored, 80, "horizontal_scan"],
  ])("%s", (_, outcome, answeredPort, kind) => {
    const answered = sites(6, Outcome.answered, answeredPort);
    const finding = detectSourceScan(contacts(inside, sites(17, outcome), answered), evaluation);
    expect(finding?.kind).toBe(kind);
  });
});

describe("contacts that the cap refused", () => {
  const probes = (hosts: number, ports: number): Contact[] =>
    Array.from({ length: hosts * ports }, (_, index) =>
      contact(
        `\n\0${String.fromCharCode(index % hosts, 9)}`,
        1 + Math.floor(index / hosts),
        Outcome.refused,
        index * 10,
      ),
    );

  it.each([
    ["one port: a host each", 100, 1, { targetCount: 400, portCount: 1 }],
    ["two ports: half a host each", 100, 2, { targetCount: 250, portCount: 2 }],
    ["one host: a port each", 1, 100, { targetCount: 1, portCount: 400 }],
    ["four hosts: a quarter of a port each", 4, 100, { targetCount: 4, portCount: 175 }],
  ])("%s", (_, hosts, ports, counts) => {
    const kept = { ...contacts("\n\0\0\x05", probes(hosts, ports)), refused: 300 };
    expect(detectSourceScan(kept, evaluation)).toMatchObject(counts);
  });
});

describe("who is verified", () => {
  const ports = (outcome: number): Contact[] =>
    Array.from({ length: 30 }, (_, port) => contact("\n\0\0\x09", 1 + port, outcome, port * 10));
  const isVerified = (failed: Contact[], answered: Contact[]): boolean | undefined =>
    detectSourceScan(contacts("c\0\0\x01", failed, answered), evaluation)?.sourceVerified;

  it("a source that the scanned host answered since the scan began", () => {
    const open = contact("\n\0\0\x09", 443, Outcome.answered, 100);
    expect(isVerified(ports(Outcome.refused), [open])).toBe(true);
  });

  it("no source that only resets what it did not ask for", () => {
    expect(isVerified(ports(Outcome.halfOpen), [])).toBe(false);
  });

  it("no source by what it did before, or elsewhere", () => {
    const before = contact("\n\0\0\x09", 443, Outcome.answered, -5000);
    const elsewhere = contact("\n\0\0\x08", 443, Outcome.answered, 100);
    expect(isVerified(ports(Outcome.refused), [before, elsewhere])).toBe(false);
  });
});
