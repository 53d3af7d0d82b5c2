/** What the bytes of flows said, and what was left unsaid and why. */
export class NotesCounters {
  /** Initiators' SYNs that were read, and those among them with a scanner's mark. */
  synFingerprints = 0;
  probeMarks = 0;
  /** Host names read from DNS questions and TLS client hellos. */
  dnsNames = 0;
  tlsNames = 0;
  /** Names cut off by the snap length or the end of the segment. */
  namesTruncated = 0;
  /** Names with bytes that are no part of a host name, or too long. */
  namesRefused = 0;
  /** Names above the allowance a second. */
  namesAboveRate = 0;
  /** Names that later ones displaced before their flow was reported. */
  namesDisplaced = 0;
  /** Names and fingerprints for which the batch at hand had no room. */
  notesWithoutRoom = 0;
}
