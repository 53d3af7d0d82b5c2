import { severities, type Incident } from "@picket/correlator/incidents/incident.js";
import { invalidField } from "../grpc/grpc-error.js";
import type { PagePosition } from "../grpc/page-token.js";

interface Order {
  /** What is compared, ascending. */
  readonly valueOf: (incident: Incident) => number;
}

/** Times need 43 bits, which leaves room for the severity in a safe integer. */
const severityStep = 2 ** 44;

const orders: Record<string, Order> = {
  "last_seen desc": { valueOf: (incident) => -incident.lastSeenMs },
  last_seen: { valueOf: (incident) => incident.lastSeenMs },
  "first_seen desc": { valueOf: (incident) => -incident.firstSeenMs },
  first_seen: { valueOf: (incident) => incident.firstSeenMs },
  "severity desc": {
    valueOf: (incident) => -severities.indexOf(incident.severity) * severityStep - incident.lastSeenMs,
  },
};

const defaultOrder = "last_seen desc";

/**
 * The name of the order of a request, the default for "".
 * Throws PicketError INVALID_ARGUMENT for one that is not in the list.
 */
export function parseOrder(orderBy: string): string {
  const name = orderBy.trim().replace(/\s+/g, " ") || defaultOrder;
  if (!Object.hasOwn(orders, name)) {
    throw invalidField("order_by", `must be one of ${Object.keys(orders).join(", ")}`);
  }
  return name;
}

/** The incidents after a position, in order; equal values are in order of id. */
export function sortAfter(
  incidents: readonly Incident[],
  orderName: string,
  after: PagePosition | undefined,
): { incident: Incident; position: PagePosition }[] {
  const { valueOf } = orders[orderName];
  const placed = incidents.map((incident) => ({
    incident,
    position: { value: valueOf(incident), id: incident.id },
  }));
  const rest = after === undefined ? placed : placed.filter(({ position }) => compare(position, after) > 0);
  return rest.sort((a, b) => compare(a.position, b.position));
}

function compare(a: PagePosition, b: PagePosition): number {
  if (a.value !== b.value) return a.value - b.value;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}
