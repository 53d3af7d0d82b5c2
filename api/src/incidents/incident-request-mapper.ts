import ipaddr from "ipaddr.js";
import { noteBytesMax, type ReviewChange } from "@picket/correlator/incidents/incident-review.js";
import type { IncidentFilter } from "@picket/correlator/incidents/incident-store.js";
import { incidentKinds, incidentStates, severities } from "@picket/correlator/incidents/incident.js";
import type * as wire from "@picket/proto/generated/picket/v1/incident.js";
import { invalidField } from "../grpc/grpc-error.js";
import { fromEnum, fromTimestamp } from "../grpc/wire-value-mapper.js";

const listedMax = 100;

/**
 * The filter of a request; absent fields match everything.
 * Throws PicketError INVALID_ARGUMENT that names the field.
 */
export function fromWireFilter(filter: wire.IncidentFilter | undefined): IncidentFilter {
  if (filter === undefined) return {};
  const parsed: IncidentFilter = {
    kinds: enumList("filter.kinds", incidentKinds, filter.kinds),
    minSeverity:
      filter.minSeverity === 0 ? undefined : fromEnum("filter.min_severity", severities, filter.minSeverity),
    states: enumList("filter.states", incidentStates, filter.states),
    source: address("filter.source", filter.source),
    target: address("filter.target", filter.target),
    sensor: sensorName("filter.sensor", filter.sensor),
    seenAfterMs: filter.seenAfter && fromTimestamp("filter.seen_after", filter.seenAfter),
    seenBeforeMs: filter.seenBefore && fromTimestamp("filter.seen_before", filter.seenBefore),
    includeInactive: filter.includeInactive,
    acknowledged: filter.acknowledged,
  };
  if ((parsed.seenBeforeMs ?? Infinity) < (parsed.seenAfterMs ?? -Infinity)) {
    throw invalidField("filter.seen_before", "must not be before filter.seen_after");
  }
  return parsed;
}

/**
 * The id of a request. Throws PicketError INVALID_ARGUMENT when it is none.
 */
export function fromWireId(id: string): string {
  if (!/^[\w.:-]{1,64}$/.test(id))
    throw invalidField("id", "must be an incident id, for example 7f3a9c0e12b4d586");
  return id;
}

const authorCharactersMax = 200;

/**
 * What a person says of an incident.
 * @param timeMs of the request
 * @param newId an id for a request that has none
 * Throws PicketError INVALID_ARGUMENT that names the field.
 */
export function fromWireUpdate(
  request: wire.UpdateIncidentRequest,
  timeMs: number,
  newId: () => string,
): ReviewChange {
  const id = fromWireId(request.id);
  const { action, author, requestId } = request;
  if (action === undefined) throw invalidField("action", "must be acknowledge, close or annotate");
  if (author.trim() === "" || author.length > authorCharactersMax)
    throw invalidField("author", `must have 1 to ${authorCharactersMax} characters`);
  if (requestId !== "" && !/^[\w.:-]{1,64}$/.test(requestId))
    throw invalidField("request_id", "must have at most 64 letters, digits and .:_-");
  return {
    id,
    action: action.$case,
    author: author.trim(),
    timeMs,
    note: noteOf(action),
    revision: Number(request.revision),
    requestId: requestId === "" ? newId() : requestId,
  };
}

function noteOf(action: NonNullable<wire.UpdateIncidentRequest["action"]>): string {
  const note = wireNoteOf(action).trim();
  const bytesMin = action.$case === "annotate" ? 1 : 0;
  const bytes = Buffer.byteLength(note);
  if (bytes < bytesMin || bytes > noteBytesMax)
    throw invalidField(`${action.$case}.note`, `must have ${bytesMin} to ${noteBytesMax} bytes`);
  return note;
}

function wireNoteOf(action: NonNullable<wire.UpdateIncidentRequest["action"]>): string {
  switch (action.$case) {
    case "acknowledge":
      return action.acknowledge.note;
    case "close":
      return action.close.note;
    case "annotate":
      return action.annotate.note;
  }
}

function enumList<Name extends string>(
  field: string,
  names: readonly Name[],
  values: readonly number[],
): Name[] {
  if (values.length > listedMax) throw invalidField(field, `must have at most ${listedMax} entries`);
  return values.map((value, index) => fromEnum(`${field}[${index}]`, names, value));
}

/** An address in the form incidents list it; a prefix of a listed source group is taken as it is. */
function address(field: string, text: string): string | undefined {
  if (text === "") return undefined;
  if (text.length > 64 || !isAddressOrPrefix(text))
    throw invalidField(field, "must be an IPv4 or IPv6 address");
  if (text.includes("/")) return text;
  return ipaddr.process(text).toString();
}

function isAddressOrPrefix(text: string): boolean {
  if (text.includes("%")) return false;
  if (text.includes("/")) return ipaddr.isValidCIDR(text);
  return ipaddr.IPv6.isValid(text) || ipaddr.IPv4.isValidFourPartDecimal(text);
}

function sensorName(field: string, name: string): string | undefined {
  if (name === "") return undefined;
  if (name.length > 253) throw invalidField(field, "must have at most 253 characters");
  return name;
}
