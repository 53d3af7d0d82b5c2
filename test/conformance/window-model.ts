import {
  contactSliceMs,
  crowdBit,
  crowdKinds,
  dayMs,
  hotCrowdMin,
  startBits,
  type Contact,
  type ContactObservation,
  type CrowdKey,
  type Observations,
  type StartDirection,
} from "@picket/correlator/windows/window-store.js";

type Side = "failed" | "answered";

/** What any window store must hold after the given observations, in whatever order they came: written for clarity only. */
export class WindowModel {
  constructor(private readonly merged: readonly Observations[]) {}

  /** Every contact of a source, by day, then contact. */
  contacts(side: Side, source: string, fromDay: number, toDay: number): Contact[] {
    const contacts: Contact[] = [];
    for (let day = fromDay; day <= toDay; day++) {
      const today = this.merged
        .flatMap((observations) => observations[side])
        .filter((seen) => seen.source === source && Math.floor(seen.timeMs / dayMs) === day);
      for (const same of groupBy(today, contactText).values()) contacts.push(uniteAll(same));
    }
    return sortContacts(contacts);
  }

  crowdSources(key: CrowdKey): string[] {
    const seen = this.merged.flatMap(crowdsOf).filter((crowd) => crowdText(crowd) === crowdText(key));
    return [...new Set(seen.map(({ source }) => source))].sort();
  }

  crowdKeys(): CrowdKey[] {
    const crowds = this.merged.flatMap(crowdsOf);
    return [...groupBy(crowds, crowdText).values()].map(([{ kind, subject, slice }]) => ({
      kind,
      subject,
      slice,
    }));
  }

  crowdHistory(key: CrowdKey): Map<number, number> {
    const earlier = this.crowdKeys().filter(
      ({ kind, subject, slice }) => kind === key.kind && subject === key.subject && slice < key.slice,
    );
    const counts = earlier
      .filter((crowd) => this.isHot(crowd))
      .map((crowd): [number, number] => [crowd.slice, this.crowdSources(crowd).length]);
    return new Map(counts.sort(([a], [b]) => a - b));
  }

  /** Hot where it has sources, and enough together with the slice before. */
  hotCrowds(): string[] {
    return this.crowdKeys()
      .filter((key) => this.isHot(key))
      .map(crowdText)
      .sort();
  }

  private isHot(key: CrowdKey): boolean {
    const count = this.crowdSources(key).length + this.crowdSources({ ...key, slice: key.slice - 1 }).length;
    return count >= hotCrowdMin[key.kind];
  }

  isService(service: { destination: string; protocol: number; port: number }, day: number): boolean {
    return this.merged
      .flatMap(({ answered }) => answered)
      .some((seen) => {
        const age = day - Math.floor(seen.timeMs / dayMs);
        return (age === 0 || age === 1) && contactText(seen) === contactText(service);
      });
  }

  starts(host: string, direction: StartDirection, slice: number): number {
    const seen = this.merged
      .flatMap(({ starts }) => starts)
      .filter((start) => start.host === host && start.direction === direction && start.slice === slice);
    const distinct = new Set(seen.flatMap(({ positions }) => positions)).size;
    return Math.round(-startBits * Math.log1p(-distinct / startBits));
  }
}

/** Who joined which crowd. */
function crowdsOf({ failed }: Observations): (CrowdKey & { readonly source: string })[] {
  return failed.flatMap(({ crowds, source, destination, port, protocol, timeMs, fingerprint }) => {
    const portText = String.fromCharCode(port >>> 8, port & 0xff, protocol);
    const subjects = {
      service: destination + portText,
      target: destination,
      port: portText,
      prefix: source.slice(0, source.length === 4 ? 3 : 6),
      fingerprint: Buffer.from(fingerprint.toString(16).padStart(8, "0"), "hex").toString("latin1"),
    };
    return crowdKinds
      .filter((kind) => (crowds & crowdBit[kind]) !== 0)
      .map((kind) => ({ kind, subject: subjects[kind], slice: sliceOf(timeMs), source }));
  });
}

/** Text by which contacts of a source are told apart. */
export function contactText(contact: { destination: string; protocol: number; port: number }): string {
  return `${Buffer.from(contact.destination, "latin1").toString("hex")}/${contact.protocol}/${contact.port}`;
}

/** Text by which crowds are told apart. */
export function crowdText(key: CrowdKey): string {
  return `${key.kind}/${Buffer.from(key.subject, "latin1").toString("hex")}/${key.slice}`;
}

/** Order in which contacts can be compared. */
export function sortContacts(contacts: readonly Contact[]): Contact[] {
  const name = (contact: Contact): string => `${Math.floor(contact.firstMs / dayMs)} ${contactText(contact)}`;
  return [...contacts].sort((a, b) => (name(a) < name(b) ? -1 : 1));
}

/** Slice of event time a contact falls into. */
export function sliceOf(timeMs: number): number {
  return Math.floor(timeMs / contactSliceMs);
}

function uniteAll(same: readonly ContactObservation[]): Contact {
  const [{ destination, protocol, port }] = same;
  const sensors = [...new Set(same.map(({ sensor }) => sensor))].sort((a, b) => a - b).slice(0, 4);
  return {
    destination,
    protocol,
    port,
    firstMs: Math.min(...same.map(({ timeMs }) => timeMs)),
    outcome: Math.max(...same.map(({ outcome }) => outcome)),
    stealth: Math.max(...same.map(({ stealth }) => stealth)),
    traits: same.reduce((all, { traits }) => all | traits, 0),
    sensors,
  };
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}
