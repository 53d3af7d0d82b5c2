import type { AddressKey } from "../windows/address-key.js";
import { startSliceMs, type SourceWindow, type StartDirection } from "../windows/window-store.js";
import type { SourcedContact } from "./finding-builder.js";

/** What a host did in one slice of a burst: contacts that were new that day, earliest first. */
export function burstContacts(
  host: AddressKey,
  direction: StartDirection,
  sources: readonly SourceWindow[],
  slice: number,
): SourcedContact[] {
  const [fromMs, untilMs] = [slice * startSliceMs, (slice + 1) * startSliceMs];
  const found: SourcedContact[] = [];
  for (const { source, failed, answered } of sources)
    for (const contacts of [failed, answered])
      for (const contact of contacts) {
        if (contact.firstMs < fromMs || contact.firstMs >= untilMs) continue;
        if (direction === "outbound" || contact.destination === host) found.push({ source, contact });
      }
  return found.sort(byTime);
}

function byTime(a: SourcedContact, b: SourcedContact): number {
  return a.contact.firstMs - b.contact.firstMs || (textOf(a) < textOf(b) ? -1 : 1);
}

function textOf({ source, contact }: SourcedContact): string {
  return `${source}|${contact.destination}|${contact.port}|${contact.protocol}|${contact.outcome}`;
}
