/** Settings of metering while the table is nearly full. Times in microseconds, rates a second of packet time. */
export interface EmergencySettings {
  /** Hold time of contacts, where the usual one is longer. */
  readonly holdTimeoutUs: number;
  /** Idle timeout of flows without an answer. */
  readonly idleTimeoutUs: number;
  /** Without reason for it for this long, the emergency is over. */
  readonly quietUs: number;
  /** First contacts of unknown sources, for one port of a host, that are let in without more. */
  readonly portContactsPerSecond: number;
  /** The same for all ports of a host, and for all hosts. */
  readonly hostContactsPerSecond: number;
  readonly unknownContactsPerSecond: number;
  /** Contacts of known sources: of one, of one to one port of a host, and of all. */
  readonly sourceContactsPerSecond: number;
  readonly pairContactsPerSecond: number;
  readonly knownContactsPerSecond: number;
  /** Second packets of unknown sources to the port they asked for before. */
  readonly retriesPerSecond: number;
  /** First contacts that wait for a second of their source; rounded up to a power of two. */
  readonly waitingContactsMax: number;
  /** Records a second that tell of refused contacts. */
  readonly refusedRecordsMax: number;
}

/** Enough for a flood of a million contacts a second to wait an eighth of one. */
const waitingMax = 1 << 17;

/** The settings that suit a table of `tableFlowsMax` flows. */
export function emergencyDefaults(tableFlowsMax: number): EmergencySettings {
  return {
    holdTimeoutUs: 500_000,
    idleTimeoutUs: 1_000_000,
    quietUs: 5_000_000,
    portContactsPerSecond: 128,
    hostContactsPerSecond: Math.max(1024, tableFlowsMax >> 4),
    unknownContactsPerSecond: Math.max(1024, tableFlowsMax >> 3),
    sourceContactsPerSecond: Math.max(2048, tableFlowsMax >> 3),
    pairContactsPerSecond: 16,
    knownContactsPerSecond: Math.max(4096, tableFlowsMax >> 1),
    retriesPerSecond: Math.max(512, tableFlowsMax >> 4),
    waitingContactsMax: Math.min(waitingMax, Math.max(1024, tableFlowsMax * 2)),
    refusedRecordsMax: 256,
  };
}
