import type { FactDetector } from "./fact-detector.js";

/** Every detector that works on facts of its own. */
export const factDetectors: readonly FactDetector[] = [];

const byKind = new Map(factDetectors.map((detector) => [detector.facts.id, detector]));

/** The detector of a kind of fact; undefined for one that this version does not know. */
export function factDetector(kindId: number): FactDetector | undefined {
  return byKind.get(kindId);
}
