import type { Incident, ReviewMark } from "@picket/proto/generated/picket/v1/incident.js";
import { formatTime, nameOf } from "./display.js";
import { printable } from "./terminal.js";

/** "ana@lab, 2025-10-09 08:53:20Z"; empty when there is none. */
export function formatMark(mark: ReviewMark | undefined): string {
  return mark === undefined ? "" : `${mark.author}, ${formatTime(mark.time)}`;
}

/** The notes of an incident, oldest first: a line with who and when, then the text below it. */
export function formatNotes({ review }: Incident): string {
  return (review?.notes ?? [])
    .map((note) => `${printable(formatMark(note))}\n${formatText(note.text)}`)
    .join("");
}

/** How an incident stands after it was reviewed, on one line. */
export function formatReviewLine(incident: Incident): string {
  const { acknowledgement, notes } = incident.review ?? { notes: [] };
  const by = acknowledgement === undefined ? "" : `, acknowledged by ${acknowledgement.author}`;
  const count = notes.length === 1 ? "1 note" : `${notes.length} notes`;
  return `${incident.id}: ${nameOf.state(incident.state)}${printable(by)}, ${count}\n`;
}

function formatText(text: string): string {
  return text
    .split(/\r?\n/)
    .map((line) => `  ${printable(line)}\n`)
    .join("");
}
