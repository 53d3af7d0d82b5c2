import { fingerprintBytes, probeKindNames } from "@picket/proto/batch/flow-columns.js";
import { SynOption } from "../syn-options.js";
import { SynQuirk } from "../syn-fingerprint.js";

const optionNames = Object.keys(SynOption);

/**
 * A fingerprint as one line for tests: `ttl window mss scale options quirks
 * probe`, options and quirks joined by commas, `-` for none.
 */
export function fingerprintText(bytes: Uint8Array, at = 0): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, fingerprintBytes);
  const kinds = Array.from({ length: 8 }, (_, i) => (view.getUint32(8) >>> (28 - i * 4)) & 0x0f);
  const options = kinds.filter((kind) => kind !== 0).map((kind) => optionNames[kind]);
  const quirks = Object.entries(SynQuirk).filter(([, bit]) => (view.getUint8(7) & bit) !== 0);
  return [
    view.getUint8(0),
    view.getUint16(2),
    view.getUint16(4),
    view.getUint8(6),
    options.join() || "-",
    quirks.map(([name]) => name).join() || "-",
    probeKindNames[view.getUint8(1)],
  ].join(" ");
}
