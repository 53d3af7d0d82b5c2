import { fingerprintBytes, type FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { finishHash, mixWord } from "./flow-hash.js";

const windowAt = 2;
const optionsAt = 8;
/** The options of a SYN with the MSS and nothing else. */
const onlyMaximumSegmentSize = 0x20;

/**
 * Ids of a batch's SYN fingerprints, 32 bits: the same for equal fingerprints
 * at every correlator. The window is left out where the MSS is the only option,
 * because scanners of that kind vary it.
 */
export class BatchFingerprints {
  private ids: readonly number[] = [];
  private columns: FlowColumns | undefined = undefined;

  load(columns: FlowColumns): void {
    this.columns = columns;
    this.ids = Array.from({ length: columns.fingerprintCount }, (_, position) =>
      fingerprintId(columns.fingerprints, position * fingerprintBytes),
    );
  }

  /** Id of the fingerprint of a row of the batch, never 0; 0 where there is none. */
  id(row: number): number {
    const note = this.columns?.fingerprint[row] ?? 0;
    return note === 0 ? 0 : (this.ids[note - 1] ?? 0);
  }
}

function fingerprintId(bytes: Uint8Array, offset: number): number {
  const isWindowFree = bytes[offset + optionsAt] === onlyMaximumSegmentSize;
  let hash = 0x5f3759df;
  for (let at = 0; at < fingerprintBytes; at++) {
    const isWindow = at === windowAt || at === windowAt + 1;
    hash = mixWord(hash, isWindow && isWindowFree ? 0 : bytes[offset + at]);
  }
  return finishHash(hash) >>> 0 || 1;
}
