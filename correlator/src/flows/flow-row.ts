import type { ArpColumns, FlowColumns } from "@picket/proto/batch/flow-columns.js";
import type { Policy } from "../policy/policy.js";
import type { AddressKey } from "../windows/address-key.js";
import type { AddFact } from "../windows/fact-window.js";
import type { BatchAddresses } from "./batch-addresses.js";

/** One record of a batch: a place in its columns, the same object for every row. */
export interface FlowRow {
  readonly columns: FlowColumns;
  readonly row: number;
  /** Corrected start and end of the record, milliseconds of event time. */
  readonly timeMs: number;
  readonly endMs: number;
  /** Inside, outside or group by index: `addresses.isInside[columns.sourceIndex[row]]`. */
  readonly addresses: BatchAddresses;
  readonly policy: Policy;
  /**
   * True where this process did not meet the contact before on its UTC day, in
   * a batch of this sensor: what is known once a day need not look at the rest.
   */
  readonly isNewContact: boolean;
  /** Identity of the batch as a binary string: a count that each batch adds to names it as its member. */
  readonly contribution: string;
  source(): AddressKey;
  destination(): AddressKey;
  /** Host name the flow asked for or named, lower case; "" for none. */
  name(): string;
}

/** One ARP record of a batch. */
export interface ArpRow {
  readonly columns: ArpColumns;
  readonly row: number;
  readonly timeMs: number;
  readonly endMs: number;
  readonly policy: Policy;
  /** Stated IPv4 addresses. */
  sender(): AddressKey;
  target(): AddressKey;
  /** MAC addresses, 6 chars; a request's target is six zeros. */
  senderMac(): string;
  targetMac(): string;
}

/**
 * What a detector collects: called for each record, so it looks at a column or
 * two first and adds facts of few of them. Pure, and never throws.
 */
export interface FactObserver {
  readonly observeFlow?: (flow: FlowRow, add: AddFact) => void;
  /** Numbers of the protocols whose records it is shown; all where absent. */
  readonly protocols?: readonly number[];
  /** It is shown only what `FlowRow.isNewContact` says. */
  readonly needsNewContact?: boolean;
  readonly observeArp?: (arp: ArpRow, add: AddFact) => void;
}
