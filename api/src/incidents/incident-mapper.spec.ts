import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary, fromJson, toBinary, toJson } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import {
  buildEvent,
  buildIncident,
  buildReview,
} from "@picket/correlator/adapters/memory/incident-fixture.js";
import type { Incident } from "@picket/correlator/incidents/incident.js";
import {
  incidentEventTypes,
  incidentKinds,
  incidentOrigins,
  incidentStates,
  severities,
} from "@picket/correlator/incidents/incident.js";
import * as wire from "@picket/proto/generated/picket/v1/incident.js";
import { describe, expect, it } from "vitest";
import { toIncidentJson, toWireIncident, toWireIncidentEvent } from "./incident-mapper.js";
import { toWireWatchResponse } from "./watch-response-codec.js";

const descriptors = readFileSync(new URL("../../../proto/descriptor.binpb", import.meta.url));
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));

/** The proto3 JSON that another implementation makes of the same bytes. */
function otherJson(type: string, bytes: Uint8Array): unknown {
  const schema = registry.getMessage(type);
  if (schema === undefined) throw new Error(`no ${type} in the descriptor set`);
  return toJson(schema, fromBinary(schema, bytes), { registry });
}

const extremes: [string, Partial<Incident>][] = [
  ["every field set", {}],
  ["large counts", { contactCount: Number.MAX_SAFE_INTEGER, sourceCount: 2 ** 40 }],
  ["empty lists", { sources: [], targets: [], ports: [], factors: [], evidence: [], samples: [] }],
  [
    "a full coverage",
    {
      coverage: {
        silentSensors: [],
        droppingSensors: [],
        waitingSensors: [],
        refusedMembers: 0,
        lostRecords: 0,
        lapses: [],
      },
    },
  ],
  [
    "factors that are not finite",
    { factors: [{ name: "z", value: Infinity, threshold: -Infinity, weight: NaN }] },
  ],
  ["text beyond ASCII", { summary: 'caf\u00e9 \u{1f6a8} \u2028 "quoted"' }],
  ["a review", { revision: 4, review: buildReview() }],
  ["notes alone", { review: buildReview({ acknowledgement: undefined, closing: undefined }) }],
  ["a time before 1970", { firstSeenMs: -1500, lastSeenMs: 0 }],
];

describe("an incident as an API message", () => {
  it.each(extremes)("has the proto3 JSON of another implementation: %s", (_name, fields) => {
    const incident = buildIncident(fields);
    const json = JSON.parse(JSON.stringify(toIncidentJson(incident)));
    const bytes = wire.Incident.encode(toWireIncident(incident)).finish();
    expect(withoutFractions(json)).toEqual(withoutFractions(otherJson("picket.v1.Incident", bytes)));
  });

  it("can be read from its JSON by another implementation", () => {
    const incident = buildIncident();
    const schema = registry.getMessage("picket.v1.Incident");
    if (schema === undefined) throw new Error("no picket.v1.Incident");
    const text = JSON.stringify(toIncidentJson(incident));
    const bytes = toBinary(schema, fromJson(schema, JSON.parse(text), { registry }));
    expect(wire.Incident.decode(bytes)).toEqual(toWireIncident(incident));
  });

  it("carries what people said, but not the requests it was made of", () => {
    const { review } = toWireIncident(buildIncident({ review: buildReview() }));
    expect(review).toMatchObject({
      revision: 3n,
      acknowledgement: { author: "ana@lab" },
      closing: { author: "bo@lab", lastSeenTime: { seconds: 1_760_000_060n, nanos: 500_000_000 } },
      notes: [{ author: "ana@lab", text: "a student's project" }],
      requestIds: [],
    });
    expect(toWireIncident(buildIncident()).review).toBeUndefined();
  });

  it("prints 64-bit numbers as text, enums by name and times by RFC 3339", () => {
    expect(toIncidentJson(buildIncident())).toMatchObject({
      revision: "1",
      contactCount: "4",
      kind: "INCIDENT_KIND_HORIZONTAL_SCAN",
      severity: "SEVERITY_MEDIUM",
      state: "INCIDENT_STATE_OPEN",
      confirmation: "CONFIRMATION_CONFIRMED",
      firstSeenTime: "2025-10-09T08:53:20.000Z",
      lastSeenTime: "2025-10-09T08:54:20.500Z",
    });
  });

  it.each([
    ["kind", incidentKinds, "INCIDENT_KIND_"],
    ["severity", severities, "SEVERITY_"],
    ["state", incidentStates, "INCIDENT_STATE_"],
    ["origin", incidentOrigins, "INCIDENT_ORIGIN_"],
  ] as const)("names every %s as the proto does", (field, names, prefix) => {
    for (const name of names) {
      const json = toIncidentJson({ ...buildIncident(), [field]: name });
      expect(json).toHaveProperty(field, prefix + name.toUpperCase());
    }
  });

  it("names every type of event as the proto does", () => {
    for (const type of incidentEventTypes) {
      const json = wire.IncidentEvent.toJSON(toWireIncidentEvent(buildEvent({}, type)));
      expect(json).toHaveProperty("type", `INCIDENT_EVENT_TYPE_${type.toUpperCase()}`);
    }
  });

  it("is the same in a watch's response for every watcher, which is encoded once", () => {
    const item = { kind: "event", cursor: "0123456789ab.1", event: buildEvent() } as const;
    expect(toWireWatchResponse({ ...item }, 1)).toBe(toWireWatchResponse({ ...item }, 2));
    const other = toWireWatchResponse({ ...item, cursor: "0123456789ab.2" }, 1);
    expect(other.cursor).toBe("0123456789ab.2");
  });

  it("keeps the JSON of a watch's responses true", () => {
    const responses = [
      toWireWatchResponse({ kind: "event", cursor: "a", event: buildEvent() }, 1),
      toWireWatchResponse({ kind: "gap", cursor: "b", reason: "late", missedEvents: 7 }, 1),
      toWireWatchResponse({ kind: "heartbeat", cursor: "c" }, 1_760_000_000_123),
    ];
    for (const response of responses) {
      const bytes = wire.WatchIncidentsResponse.encode(response).finish();
      const json = JSON.parse(JSON.stringify(wire.WatchIncidentsResponse.toJSON(response)));
      expect(withoutFractions(json)).toEqual(
        withoutFractions(otherJson("picket.v1.WatchIncidentsResponse", bytes)),
      );
    }
  });
});

/** Both "…:20Z" and "…:20.000Z" are proto3 JSON of the same time. */
function withoutFractions(json: unknown): unknown {
  return JSON.parse(JSON.stringify(json).replace(/(T\d\d:\d\d:\d\d)\.000Z"/g, '$1Z"'));
}
