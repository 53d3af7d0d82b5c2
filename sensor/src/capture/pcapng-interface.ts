import { type TimestampScale, timestampScale } from "./pcapng-timestamp.js";

/** What an interface description block says. */
export interface PcapngInterface {
  readonly linkType: number;
  /** Most bytes of a packet that were kept; 0 is no limit. */
  readonly snapLength: number;
  readonly timestamps: TimestampScale;
}

const optionEnd = 0;
const optionTimestampResolution = 9;
const optionTimestampOffset = 14;
const microseconds = 6;
/** About thirty thousand years; a larger offset is garbage and ignored. */
const offsetSecondsMax = 1e12;

/** Reads the body of an interface description block, `[start, end)`, at least 8 bytes long. */
export function readPcapngInterface(
  view: DataView,
  start: number,
  end: number,
  isLittleEndian: boolean,
): PcapngInterface {
  let resolution = microseconds;
  let offsetSeconds = 0;
  let position = start + 8;
  while (end - position >= 4) {
    const code = view.getUint16(position, isLittleEndian);
    const length = view.getUint16(position + 2, isLittleEndian);
    const value = position + 4;
    if (code === optionEnd || end - value < length) break;
    if (code === optionTimestampResolution && length >= 1) resolution = view.getUint8(value);
    if (code === optionTimestampOffset && length >= 8) {
      offsetSeconds = Number(view.getBigInt64(value, isLittleEndian));
    }
    position = value + ((length + 3) & ~3);
  }
  return {
    linkType: view.getUint16(start, isLittleEndian),
    snapLength: view.getUint32(start + 4, isLittleEndian),
    timestamps: timestampScale(resolution, Math.abs(offsetSeconds) > offsetSecondsMax ? 0 : offsetSeconds),
  };
}
