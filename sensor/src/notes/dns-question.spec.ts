import { describe, expect, it } from "vitest";
import { joinBytes, word16 } from "../decode/testing/frame-builder.js";
import { readDnsQuestion, readDnsQuestionOfStream } from "./dns-question.js";
import { HostName, NameResult } from "./host-name.js";
import { textBytes } from "./testing/decoded.js";

const resultNames = Object.keys(NameResult);

interface Message {
  readonly flags?: number;
  readonly counts?: readonly number[];
  readonly name?: ArrayLike<number>;
  readonly type?: number;
  readonly class?: number;
}

function labels(name: string): Uint8Array {
  const parts = name === "" ? [] : name.split(".");
  return joinBytes(...parts.flatMap((part) => [[part.length], textBytes(part)]), [0]);
}

function message(fields: Message = {}): Uint8Array {
  return joinBytes(
    word16(0xbeef),
    word16(fields.flags ?? 0x0100),
    ...(fields.counts ?? [1, 0, 0, 0]).map(word16),
    fields.name ?? labels("example.com"),
    word16(fields.type ?? 1),
    word16(fields.class ?? 1),
  );
}

function read(bytes: Uint8Array, captured = bytes.length): string {
  const name = new HostName();
  const block = joinBytes([9, 9], bytes.subarray(0, captured), [1, 97, 0, 0, 1, 0, 1]);
  const result = readDnsQuestion(block, 2, 2 + captured, captured < bytes.length, name);
  return result === NameResult.found ? name.toString() : resultNames[result];
}

function readStream(bytes: Uint8Array, captured = bytes.length): string {
  const name = new HostName();
  const result = readDnsQuestionOfStream(bytes, 0, captured, bytes.length, name);
  return result === NameResult.found ? name.toString() : resultNames[result];
}

describe("DNS question", () => {
  it("is a name in lower case", () => {
    expect(read(message({ name: labels("wWw.ExAmple.COM") }))).toBe("www.example.com");
    expect(read(message({ name: labels("_ldap._tcp.dc-1"), type: 33 }))).toBe("_ldap._tcp.dc-1");
  });

  it("is read from a response, from EDNS and from multicast DNS too", () => {
    expect(read(message({ flags: 0x8183, counts: [1, 0, 1, 1] }))).toBe("example.com");
    expect(read(message({ counts: [1, 0, 0, 1] }))).toBe("example.com");
    expect(read(message({ flags: 0, counts: [2, 0, 2, 0], class: 0x8001, type: 255 }))).toBe("example.com");
  });

  it("of the root has no name", () => {
    expect(read(message({ name: [0], type: 2 }))).toBe("none");
  });

  it("takes the longest name and label there may be and no longer ones", () => {
    const label = "a".repeat(63);
    const longest = [label, label, label, "b".repeat(61)].join(".");
    expect(read(message({ name: labels(longest) }))).toBe(longest);
    expect(read(message({ name: labels(`${longest}b`) }))).toBe("noMessage");
    expect(read(message({ name: joinBytes([64], new Uint8Array(64).fill(97), [0]) }))).toBe("noMessage");
  });

  it.each([
    { name: "a control byte", bytes: [3, 97, 0x1b, 98, 0] },
    { name: "a dot inside a label", bytes: [3, 97, 0x2e, 98, 0] },
    { name: "a space", bytes: [3, 97, 0x20, 98, 0] },
    { name: "a byte above ASCII", bytes: [1, 97, 2, 0xc3, 0xa9, 0] },
  ])("with $name is refused but still DNS", ({ bytes }) => {
    expect(read(message({ name: bytes }))).toBe("refused");
  });

  it.each([
    { name: "a compressed name", bytes: message({ name: [1, 97, 0xc0, 12] }) },
    { name: "a name that points to itself", bytes: message({ name: [0xc0, 12] }) },
    { name: "a reserved label type", bytes: message({ name: [0x81, 97, 0] }) },
    { name: "no question", bytes: message({ counts: [0, 0, 0, 0] }) },
    { name: "many questions", bytes: message({ counts: [9, 0, 0, 0] }) },
    { name: "an unknown operation", bytes: message({ flags: 0x7800 }) },
    { name: "the zero bit set", bytes: message({ flags: 0x0140 }) },
    { name: "an error in a query", bytes: message({ flags: 0x0103 }) },
    { name: "an unknown class", bytes: message({ class: 77 }) },
    { name: "type zero", bytes: message({ type: 0 }) },
    {
      name: "a NetBIOS name",
      bytes: message({ name: labels("CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), type: 33 }),
    },
    { name: "an end inside the header", bytes: message().subarray(0, 11) },
    { name: "an end inside the name", bytes: message().subarray(0, 16) },
    { name: "an end inside type and class", bytes: message().subarray(0, 27) },
  ])("is not seen in $name", ({ bytes }) => {
    expect(read(bytes)).toBe("noMessage");
  });

  it("is truncated wherever the capture ends inside of it", () => {
    const whole = message({ name: labels("a.long.example.com") });
    for (let captured = 12; captured < whole.length; captured++)
      expect(read(whole, captured)).toBe("truncated");
  });
});

describe("DNS question over TCP", () => {
  const whole = joinBytes(word16(message().length), message());

  it("is read behind the length", () => {
    expect(readStream(whole)).toBe("example.com");
    expect(readStream(joinBytes(whole, whole))).toBe("example.com");
  });

  it("of a response may go on in the next segment", () => {
    const response = message({ flags: 0x8180, counts: [1, 90, 0, 0] });
    expect(readStream(joinBytes(word16(3000), response))).toBe("example.com");
  });

  it("is truncated where the capture ends", () => {
    expect(readStream(whole, 20)).toBe("truncated");
  });

  it.each([
    { name: "a query longer than its segment", bytes: joinBytes(word16(3000), message()) },
    { name: "a length too short", bytes: joinBytes(word16(16), message()) },
    { name: "a few bytes", bytes: whole.subarray(0, 13) },
  ])("is not seen in $name", ({ bytes }) => {
    expect(readStream(bytes)).toBe("noMessage");
  });
});
