/** What became of the ARP packets, as plain numbers. */
export class ArpCounters {
  requests = 0;
  replies = 0;
  announcements = 0;
  probes = 0;
  /** RARP, inverse ARP and undefined operations: no record tells of them. */
  operationsOther = 0;
  records = 0;
  /** Requests without an answer within the hold time, as far as answers pass here. */
  requestsUnanswered = 0;
  repliesUnsolicited = 0;
  /** Packets whose frame came from another MAC than they say. */
  sendersMismatched = 0;
  /** Entries given up early because the table was full, and their packets that no record tells of. */
  evictions = 0;
  packetsUnreported = 0;
  /** Records put off because there were too many in a second. */
  recordsPostponed = 0;
}
