import { describe, expect, it } from "vitest";
import { joinBytes } from "../decode/testing/frame-builder.js";
import { HostName, NameResult } from "./host-name.js";
import { type HelloFields, clientHello, serverNameExtension, tlsExtension } from "./testing/client-hello.js";
import { readServerName, TlsRecord, tlsRecord } from "./tls-server-name.js";

const resultNames = Object.keys(NameResult);
const grease = tlsExtension(0x0a0a, []);
const keyShare = tlsExtension(51, new Uint8Array(1216));

function read(bytes: Uint8Array, captured = bytes.length): string {
  const name = new HostName();
  const block = joinBytes([22, 3], bytes.subarray(0, captured), serverNameExtension("next.packet"));
  expect(tlsRecord(block, 2, 2 + captured)).toBe(TlsRecord.clientHello);
  const result = readServerName(block, 2, 2 + captured, name);
  return result === NameResult.found ? name.toString() : resultNames[result];
}

describe("TLS server name", () => {
  it("is read wherever the extension stands, in lower case", () => {
    const name = serverNameExtension("Host-1.Example.COM");
    expect(read(clientHello({ extensions: [name] }))).toBe("host-1.example.com");
    expect(read(clientHello({ extensions: [grease, keyShare, name], sessionIdBytes: 0 }))).toBe(
      "host-1.example.com",
    );
  });

  it("loses the last dot", () => {
    expect(read(clientHello({ extensions: [serverNameExtension("example.com.")] }))).toBe("example.com");
  });

  it.each<{ name: string; fields: HelloFields }>([
    { name: "no extensions", fields: { extensions: [] } },
    { name: "other extensions only", fields: { extensions: [grease, keyShare] } },
    { name: "an empty extension", fields: { extensions: [tlsExtension(0, [])] } },
    { name: "a session id too long", fields: { sessionIdBytes: 33 } },
    {
      name: "very many extensions",
      fields: { extensions: [...Array<Uint8Array>(64).fill(grease), serverNameExtension("a.b")] },
    },
  ])("is none with $name", ({ fields }) => {
    expect(read(clientHello(fields))).toBe("none");
  });

  it.each([
    { name: "a control byte", extension: serverNameExtension("a\u0007b.com") },
    { name: "an empty label", extension: serverNameExtension("a..com") },
    { name: "no bytes", extension: serverNameExtension("") },
    { name: "a dot only", extension: serverNameExtension(".") },
    { name: "a label too long", extension: serverNameExtension(`${"a".repeat(64)}.com`) },
    { name: "too many bytes", extension: serverNameExtension(`${"abcdefg.".repeat(32)}com`) },
    { name: "another type of name", extension: serverNameExtension("a.b", 1) },
    { name: "a length that goes on behind the extension", extension: tlsExtension(0, [0, 9, 0, 0, 9, 97]) },
  ])("is refused with $name", ({ extension }) => {
    expect(read(clientHello({ extensions: [extension, grease] }))).toBe("refused");
  });

  it("is truncated where the capture ends before its last byte, and never read beyond", () => {
    const whole = clientHello({ extensions: [serverNameExtension("www.example.com"), keyShare] });
    const nameEnd = whole.length - keyShare.length;
    for (let captured = 6; captured < nameEnd; captured++) expect(read(whole, captured)).toBe("truncated");
    expect(read(whole, nameEnd)).toBe("www.example.com");
  });

  it("is truncated when the hello goes on in another record", () => {
    expect(read(clientHello({ recordLength: 60 }))).toBe("truncated");
  });
});

describe("TLS record", () => {
  it.each([
    { name: "a client hello", bytes: clientHello(), record: TlsRecord.clientHello },
    { name: "a server hello", bytes: clientHello({ handshakeType: 2 }), record: TlsRecord.serverHello },
    { name: "data of TLS 1.2 and 1.3", bytes: [23, 3, 3, 0, 40, 0xaf], record: TlsRecord.application },
    { name: "data of an unknown version", bytes: [23, 3, 9, 0, 40, 0xaf], record: TlsRecord.none },
    { name: "an alert", bytes: [21, 3, 3, 0, 2, 2, 40], record: TlsRecord.none },
    { name: "another handshake", bytes: clientHello({ handshakeType: 4 }), record: TlsRecord.none },
    { name: "a record too long", bytes: clientHello({ recordLength: 20_000 }), record: TlsRecord.none },
    { name: "a few bytes", bytes: [22, 3, 1, 0, 200], record: TlsRecord.none },
  ])("of $name", ({ bytes, record }) => {
    expect(tlsRecord(Uint8Array.from(bytes), 0, bytes.length)).toBe(record);
  });
});
