import { prefixOf } from "./address-key.js";
import { portKey, serviceKey } from "./contact-key.js";
import { crowdBit, type ContactObservation, type CrowdKind } from "./window-store.js";

/** Calls `join` with the kind and subject of each crowd that the source of a failed contact joins. */
export function eachCrowd(
  contact: ContactObservation,
  join: (kind: CrowdKind, subject: string) => void,
): void {
  const { crowds, source, destination, port, protocol } = contact;
  if ((crowds & crowdBit.prefix) !== 0) join("prefix", prefixOf(source));
  if ((crowds & crowdBit.port) !== 0) join("port", portKey(port, protocol));
  if ((crowds & crowdBit.service) !== 0) join("service", serviceKey(destination, port, protocol));
  if ((crowds & crowdBit.target) !== 0) join("target", destination);
}
