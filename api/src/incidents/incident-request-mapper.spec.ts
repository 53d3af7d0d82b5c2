import { UpdateIncidentRequest } from "@picket/proto/generated/picket/v1/incident.js";
import { describe, expect, it } from "vitest";
import { fromWireUpdate } from "./incident-request-mapper.js";

const request = UpdateIncidentRequest.create({
  id: "00000000000000aa",
  action: { $case: "annotate", annotate: { note: "  seen last week too \n" } },
  author: " ana@lab ",
});
const nowMs = 1_760_000_100_000;

function change(fields: Partial<UpdateIncidentRequest>): ReturnType<typeof fromWireUpdate> {
  return fromWireUpdate({ ...request, ...fields }, nowMs, () => "made-up");
}

const annotate = (note: string): Partial<UpdateIncidentRequest> => ({
  action: { $case: "annotate", annotate: { note } },
});

describe("a request to change an incident", () => {
  it("says who does what and when", () => {
    expect(change({ revision: 7n })).toEqual({
      id: "00000000000000aa",
      action: "annotate",
      author: "ana@lab",
      timeMs: nowMs,
      note: "seen last week too",
      revision: 7,
      requestId: "made-up",
    });
  });

  it("keeps its own id, and needs no note to acknowledge or close", () => {
    const acknowledge = { $case: "acknowledge", acknowledge: { note: "" } } as const;
    const close = { $case: "close", close: { note: "" } } as const;
    expect(change({ action: acknowledge, requestId: "r-1" })).toMatchObject({ note: "", requestId: "r-1" });
    expect(change({ action: close })).toMatchObject({ action: "close", note: "" });
  });

  it("takes a note of 4096 bytes", () => {
    expect(change(annotate("\u00e9".repeat(2048))).note).toHaveLength(2048);
  });

  it.each<[string, Partial<UpdateIncidentRequest>]>([
    ["id", { id: "a b" }],
    ["action", { action: undefined }],
    ["author", { author: " " }],
    ["author", { author: "x".repeat(201) }],
    ["request_id", { requestId: "a/b" }],
    ["request_id", { requestId: "x".repeat(65) }],
    ["annotate.note", annotate(" ")],
    ["annotate.note", annotate("\u00e9".repeat(2049))],
    ["close.note", { action: { $case: "close", close: { note: "x".repeat(4097) } } }],
  ])("is refused with the name of the field: %s", (field, fields) => {
    expect(() => change(fields)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT", field }));
  });
});
