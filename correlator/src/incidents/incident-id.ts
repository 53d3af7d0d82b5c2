import { finishHash, mixWord } from "../flows/flow-hash.js";
import type { IncidentKind } from "./incident.js";

/**
 * Kinds that are one thing seen differently while it grows share a family, so
 * that a scan keeps its id when its shape changes.
 */
const families: Partial<Record<IncidentKind, string>> = {
  vertical_scan: "scan",
  horizontal_scan: "scan",
  block_scan: "scan",
  host_sweep: "scan",
  fan_out: "scan",
  distributed_scan: "crowd",
  campaign: "crowd",
};

export function familyOf(kind: IncidentKind): string {
  return families[kind] ?? kind;
}

/** 16 hex digits: a hash of family, primary key and the earliest slice's start. */
export function incidentId(kind: IncidentKind, primaryKey: string, sliceStartMs: number): string {
  const text = `${familyOf(kind)}|${primaryKey}|${sliceStartMs}`;
  return hashText(text, 0x2545f491) + hashText(text, 0x7f4a7c15);
}

function hashText(text: string, seed: number): string {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = mixWord(hash, text.charCodeAt(i));
  return (finishHash(mixWord(hash, text.length)) >>> 0).toString(16).padStart(8, "0");
}
