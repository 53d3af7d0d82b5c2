import { describe, expect, it } from "vitest";
import { wireLengthOf } from "./cap-wire-length.js";

function frame(ethertype: number, ip: number[]): DataView {
  const bytes = new Uint8Array(64);
  new DataView(bytes.buffer).setUint16(12, ethertype);
  bytes.set(ip, 14);
  return new DataView(bytes.buffer);
}

describe("the wire length of a cut packet", () => {
  it("is what the IP header states", () => {
    expect(wireLengthOf(frame(0x0800, [0x45, 0, 0x05, 0xdc]), 0, 64, 1)).toBe(1514);
    expect(wireLengthOf(frame(0x86dd, [0x60, 0, 0, 0, 0x05, 0xb4]), 0, 64, 1)).toBe(14 + 40 + 1460);
  });

  it("is the captured length where the header does not say", () => {
    expect(wireLengthOf(frame(0x0806, [0, 1]), 0, 64, 1)).toBe(64);
    expect(wireLengthOf(frame(0x0800, [0x45, 0, 0, 0]), 0, 64, 1)).toBe(64);
    expect(wireLengthOf(frame(0x0800, [0x45, 0, 0, 20]), 0, 64, 1)).toBe(64);
    expect(wireLengthOf(frame(0x0800, [0x45, 0, 5, 0]), 0, 20, 1)).toBe(20);
    expect(wireLengthOf(frame(0x0800, [0x45, 0, 5, 0]), 0, 64, 127)).toBe(64);
  });
});
