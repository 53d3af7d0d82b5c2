/** What metering did while the table was nearly full, as plain numbers. */
export class EmergencyCounters {
  entered = 0;
  left = 0;
  /** Time spent in it, microseconds. */
  durationUs = 0;
  /** Packets of contacts that were refused, by reason: their sources were seen only once, */
  packetsRefusedUnknown = 0;
  /** their sources asked too often, */
  packetsRefusedBusy = 0;
  /** too many were let in at that time, */
  packetsRefusedBudget = 0;
  /** or every flow in the table was worth more. */
  packetsRefusedFull = 0;
  bytesRefused = 0;
  /** Records that tell of the refused packets. */
  refusedRecords = 0;
  /** First contacts that were put off and let in after all, with the second of their source. */
  contactsRecalled = 0;
}
