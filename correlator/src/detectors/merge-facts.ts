import type { FactMember, FactWindow } from "../windows/fact-window.js";

/** Members of several slices as one set: earliest and latest time, greatest value, all sensors. */
export function mergeFacts(windows: readonly FactWindow[]): Map<string, FactMember> {
  const merged = new Map<string, FactMember>();
  for (const { members } of windows)
    for (const member of members) {
      const known = merged.get(member.member);
      merged.set(member.member, known === undefined ? member : unite(known, member));
    }
  return merged;
}

function unite(a: FactMember, b: FactMember): FactMember {
  return {
    member: a.member,
    firstMs: Math.min(a.firstMs, b.firstMs),
    lastMs: Math.max(a.lastMs, b.lastMs),
    value: Math.max(a.value, b.value),
    sensors: [...new Set([...a.sensors, ...b.sensors])].sort((x, y) => x - y).slice(0, 4),
  };
}

/** By time, then member, so that every order of arrival gives the same list. */
export function sortFacts(members: Iterable<FactMember>): FactMember[] {
  return [...members].sort((a, b) => a.firstMs - b.firstMs || (a.member < b.member ? -1 : 1));
}
