import type { ScoreFactor } from "./incident.js";

/**
 * What a host does in a burst, and what the primary keys of bursts begin with: it
 * begins flows (outbound) or they begin at it, it sends many bytes or receives them.
 */
export const burstDirections = ["inbound", "outbound", "received", "sent"] as const;
export type BurstDirection = (typeof burstDirections)[number];

/** Factor of a burst of bytes: those of its busiest minute. */
export const bytesFactorName = "bytes_per_minute";

/** The direction that a burst's primary key begins with. */
export function directionOf(primaryKey: string): BurstDirection | undefined {
  return burstDirections.find((direction) => primaryKey.startsWith(direction));
}

/** True where the hosts that burst are the sources; else they are the targets. */
export function isOfSources(direction: BurstDirection): boolean {
  return direction === "outbound" || direction === "sent";
}

/** True for a burst of bytes rather than of new flows. */
export function isVolume(direction: BurstDirection | undefined): boolean {
  return direction === "received" || direction === "sent";
}

/** True for the factors of one. */
export function hasVolume(factors: readonly ScoreFactor[]): boolean {
  return factors.some(({ name }) => name === bytesFactorName);
}
