import { HostDirection } from "@picket/proto/batch/flow-columns.js";

/** What the sensors on a contact's own hosts know of it: bits of `ContactObservation.traits`, merged by OR. */
export const ContactTrait = {
  /** The sensor of the target says that nothing listens on the port; only of sources outside. */
  closedPort: 1,
  /** Seen by the sensor of the target. */
  atTarget: 2,
  /** Seen by the sensor of the source. */
  atOrigin: 4,
} as const;

/** All bits. */
export const contactTraitsMax = 7;

/** Which ends a flow of this `HostDirection` was seen at. */
export function endsSeen(direction: number): number {
  if (direction === HostDirection.inbound) return ContactTrait.atTarget;
  if (direction === HostDirection.outbound) return ContactTrait.atOrigin;
  return direction === HostDirection.internal ? ContactTrait.atTarget | ContactTrait.atOrigin : 0;
}
