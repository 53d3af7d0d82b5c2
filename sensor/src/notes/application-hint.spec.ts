import { applicationNames } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { isTextLike, textApplication } from "./application-hint.js";
import { textBytes } from "./testing/decoded.js";

describe("application of a text", () => {
  it.each([
    ["http", "GET / HTTP/1.1\r\nHost: a\r\n"],
    ["http", "GET http://a/ HTTP/1.0\r\n"],
    ["http", "HEAD /x HTTP/1.1\r\n"],
    ["http", "POST /x HTTP/1.1\r\n"],
    ["http", "PUT /x HTTP/1.1\r\n"],
    ["http", "PATCH /x HTTP/1.1\r\n"],
    ["http", "TRACE /x HTTP/1.1\r\n"],
    ["http", "DELETE /x HTTP/1.1\r\n"],
    ["http", "OPTIONS * HTTP/1.1\r\n"],
    ["http", "CONNECT a.example:443 HTTP/1.1\r\n"],
    ["http", "PROPFIND /dav HTTP/1.1\r\n"],
    ["http", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["http", "HTTP/1.1 200 OK\r\n"],
    ["ssh", "SSH-2.0-OpenSSH_9.2\r\n"],
    ["ssh", "SSH-1.99-x"],
    ["other", "OPTIONS sip:a@b SIP/2.0\r\n"],
    ["other", "OPTIONS rtsp://a/ RTSP/1.0\r\n"],
    ["other", "GET_FILE x"],
    ["other", "GETX / HTTP/1.1"],
    ["other", "HTTPS"],
    ["other", "HTTP"],
    ["other", "GET "],
    ["other", "POST"],
    ["other", "EHLO a.example\r\n"],
    ["other", "220 mail.example ESMTP\r\n"],
    ["other", "NICK a\r\n"],
    ["other", "\r\n\r\n"],
  ])("is %s for %j", (name, text) => {
    expect(applicationNames[textApplication(textBytes(text), 0, text.length)]).toBe(name);
  });

  it("does not read the packet behind", () => {
    const bytes = textBytes("HTTP/1.1 GET / HTTP");
    expect(applicationNames[textApplication(bytes, 0, 4)]).toBe("other");
    expect(applicationNames[textApplication(bytes, 9, 13)]).toBe("other");
  });
});

describe("text", () => {
  it("is told from binary by three bytes", () => {
    expect(isTextLike(textBytes("{\r\n\t}\n"), 0, 6)).toBe(true);
    expect(isTextLike(Uint8Array.of(0x7b, 0x80, 0x80, 0x7d), 0, 4)).toBe(false);
    expect(isTextLike(Uint8Array.of(0x7b, 0x7b, 0x7b, 0), 0, 4)).toBe(false);
    expect(isTextLike(Uint8Array.of(0, 0x7b, 0x7b, 0x7b), 0, 4)).toBe(false);
  });
});
