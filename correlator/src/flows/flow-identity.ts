import type { FlowColumns } from "@picket/proto/batch/flow-columns.js";
import { finishHash, mixWord } from "./flow-hash.js";

/** 32 bits, unsigned, of a flow's five-tuple: the same at every sensor that saw it. */
export function flowIdentity(columns: FlowColumns, row: number): number {
  const words = columns.addressWords;
  const source = columns.sourceIndex[row] * 4;
  const destination = columns.destinationIndex[row] * 4;
  let hash = 0x3c6ef372;
  for (let k = 0; k < 4; k++) hash = mixWord(hash, words[source + k]);
  for (let k = 0; k < 4; k++) hash = mixWord(hash, words[destination + k]);
  hash = mixWord(hash, (columns.sourcePort[row] << 16) | columns.destinationPort[row]);
  return finishHash(mixWord(hash, columns.protocol[row])) >>> 0;
}

/** Four chars of a 32-bit number, for the key of a fact's member. */
export function wordKey(word: number): string {
  return String.fromCharCode(word >>> 24, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff);
}
