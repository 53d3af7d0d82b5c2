import type { Finding } from "../incidents/incident.js";
import { contactSliceMs, partitionOf } from "../windows/window-store.js";
import type { CrowdMembers } from "./crowd-contacts.js";
import { crowdText } from "./crowd-text.js";
import { findingOf, type SourcedContact, type Verdict } from "./finding-builder.js";
import type { Evaluation } from "./source-scan.js";

/** What a detector says of a crowd; no source of one is verified unless it says so. */
export interface CrowdVerdict extends Pick<Verdict, "kind" | "severity" | "factors"> {
  readonly sourceVerified?: boolean;
}

/** The finding of a verdict about a crowd's slice; the contacts must not be empty. */
export function crowdFinding(
  { kind, severity, factors, sourceVerified = false }: CrowdVerdict,
  { key, refused }: CrowdMembers,
  contacts: readonly SourcedContact[],
  { confirmed, policyRevision }: Evaluation,
): Finding {
  return findingOf(
    {
      kind,
      view: key.kind,
      primaryKey: crowdText(key),
      partition: partitionOf(key.subject),
      sliceStartMs: key.slice * contactSliceMs,
      sliceEndMs: (key.slice + 1) * contactSliceMs,
      confirmed,
      severity,
      factors,
      refusedMembers: refused,
      sourceVerified,
      policyRevision,
    },
    contacts,
  );
}
