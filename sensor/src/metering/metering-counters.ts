/**
 * What metering did, as plain numbers; one object for the life of a meter. Sums
 * that soon pass 2^31 begin with minus zero, a double: V8 takes compiled code
 * away when a field that was a small integer no longer is one.
 */
export class MeteringCounters {
  /** Packets that belong to a flow, and their layer-3 bytes. */
  packets = -0;
  bytes = -0;
  flowsOpened = 0;
  flowsClosed = 0;
  records = 0;
  /** Records that are the first to name an outcome, by outcome. */
  outcomesIgnored = 0;
  outcomesUnreachable = 0;
  outcomesRefused = 0;
  outcomesHalfOpen = 0;
  outcomesAnswered = 0;
  /** Outcomes raised after a lower one had been reported. */
  outcomesUpgraded = 0;
  /** Answers inferred from the originator alone. */
  outcomesOneSided = 0;
  stealthContacts = 0;
  /** Flows dropped early because the table was full. */
  evictions = 0;
  /** ICMP errors are no flows: they change the outcome of the flow they are about. */
  icmpErrorsMatched = 0;
  icmpErrorsUnmatched = 0;
  icmpErrorBytes = -0;
  /** Packets older than one before them, and steps back that were too large to be reordering. */
  packetsOutOfOrder = 0;
  clockStepsBack = 0;

  constructor() {
    this.packets = this.bytes = this.icmpErrorBytes = 0;
  }
}
