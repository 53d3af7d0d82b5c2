import { writeSync } from "node:fs";
import { decodeSpoolRecordHeader, findSpoolRecord, recordHeaderBytes } from "./spool-record.js";

/** What every segment file begins with. */
export const fileHeader = Buffer.from("PKSPOOL1");

/** Behind the last whole record. */
export function endOfRecords(bytes: Buffer): number {
  let end = fileHeader.length;
  for (let at = end; at >= 0 && at < bytes.length;) {
    const header = decodeSpoolRecordHeader(bytes, at);
    const next = at + recordHeaderBytes + (header?.payloadBytes ?? 0);
    if (header === undefined || next > bytes.length) at = findSpoolRecord(bytes, at + 1);
    else at = end = next;
  }
  return end;
}

/** Writes all bytes at `position`; throws the system's error, with some of them written. */
export function writeWhole(file: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(file, bytes, done, bytes.length - done, position + done);
  }
}
