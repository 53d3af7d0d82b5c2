import { Outcome } from "@picket/proto/batch/flow-columns.js";
import { expect, it } from "vitest";
import { contactSliceMs, type Contact } from "../windows/window-store.js";
import type { CrowdMembers } from "./crowd-contacts.js";
import { lostContacts } from "./lost-service.js";

const slice = 2_983_000;
const startMs = slice * contactSliceMs;
const service = "\n\0\0\x09\x01\xbb\x06";

function members(servedMs: readonly number[], more: Partial<CrowdMembers> = {}): CrowdMembers {
  const sources = servedMs.map((firstMs, number) => ({
    source: `\n\0\x01${String.fromCharCode(number)}`,
    failed: [],
    answered: [contact(firstMs)],
    answeredHosts: new Map([["\n\0\0\x09", firstMs]]),
    refused: 0,
  }));
  return {
    key: { kind: "service", subject: service, slice },
    sources: sources as unknown as CrowdMembers["sources"],
    count: sources.length,
    refused: 0,
    history: new Map(),
    evenShare: 0,
    isInside: () => true,
    isKnownService: true,
    ...more,
  };
}

function contact(firstMs: number): Contact {
  const outcome = Outcome.answered;
  const service = { destination: "\n\0\0\x09", protocol: 6, port: 443 };
  return { ...service, firstMs, outcome, stealth: 0, sensors: [1] } as unknown as Contact;
}

it("counts clients that the service answered before this slice", () => {
  const lost = lostContacts(members([startMs - 1, startMs, startMs - 3_600_000]));
  expect(lost.map(({ source }) => source.charCodeAt(3))).toEqual([0, 2]);
  expect(lost[0].contact).toMatchObject({ firstMs: startMs, outcome: Outcome.ignored, port: 443 });
});

it.each([
  ["outside clients", { isInside: () => false }],
  ["a service that never answered", { isKnownService: false }],
  ["another crowd", { key: { kind: "target", subject: "\n\0\0\x09", slice } as const }],
])("not of %s", (_, more) => {
  expect(lostContacts(members([startMs - 1], more))).toEqual([]);
});
