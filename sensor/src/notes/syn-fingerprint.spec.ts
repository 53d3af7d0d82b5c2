import { fingerprintBytes } from "@picket/proto/batch/flow-columns.js";
import { describe, expect, it } from "vitest";
import { ipv4, ipv6, tcp, type TcpFields } from "../decode/testing/frame-builder.js";
import { SynFingerprint } from "./syn-fingerprint.js";
import { decodeIp } from "./testing/decoded.js";
import { fingerprintText } from "./testing/fingerprint-text.js";

const linuxOptions = [2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7];
const windowsOptions = [2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2];
const linuxNames = "maximumSegmentSize,selectiveAckPermitted,timestamps,noOperation,windowScale";
const windowsNames =
  "maximumSegmentSize,noOperation,windowScale,noOperation,noOperation,selectiveAckPermitted";

interface Syn extends TcpFields {
  readonly ttl?: number;
  readonly id?: number;
  readonly dontFragment?: boolean;
  readonly reserved?: boolean;
  readonly trafficClass?: number;
  readonly urgentPointer?: number;
}

function segment(syn: Syn): Uint8Array {
  const bytes = tcp({ sequence: 0x1234_5678, flags: 0x02, destinationPort: 80, ...syn });
  bytes[19] = syn.urgentPointer ?? 0;
  return bytes;
}

function ipv4Syn(syn: Syn): Uint8Array {
  const bytes = ipv4({ ttl: syn.ttl, id: syn.id, destination: "192.0.2.7" }, segment(syn));
  bytes[1] = syn.trafficClass ?? 0;
  if (syn.dontFragment === true) bytes[6] |= 0x40;
  if (syn.reserved === true) bytes[6] |= 0x80;
  return bytes;
}

function read(ip: Uint8Array, snapLength?: number): string {
  const { packet, bytes } = decodeIp(ip, snapLength);
  const out = new Uint8Array(fingerprintBytes + 2).fill(0xee);
  const kind = new SynFingerprint().write(packet, bytes, out, 1);
  expect([out[0], out[fingerprintBytes + 1]]).toEqual([0xee, 0xee]);
  return kind === -1 ? "none" : fingerprintText(out, 1);
}

describe("fingerprint of a SYN", () => {
  it.each([
    {
      name: "Linux, eleven hops away",
      ip: ipv4Syn({ ttl: 53, id: 4242, dontFragment: true, window: 64_240, options: linuxOptions }),
      text: `64 64240 1460 7 ${linuxNames} dontFragment,oddIpId none`,
    },
    {
      name: "Windows",
      ip: ipv4Syn({ ttl: 118, id: 9, dontFragment: true, window: 64_240, options: windowsOptions }),
      text: `128 64240 1460 8 ${windowsNames} dontFragment,oddIpId none`,
    },
    {
      name: "nmap -sS",
      ip: ipv4Syn({ ttl: 41, id: 31_000, window: 1024, options: [2, 4, 5, 0xb4] }),
      text: "64 1024 1460 255 maximumSegmentSize - none",
    },
    {
      name: "hping3 -S",
      ip: ipv4Syn({ ttl: 64, id: 31_000, window: 512 }),
      text: "64 512 0 255 - - none",
    },
    {
      name: "masscan",
      ip: ipv4Syn({ ttl: 240, id: 0x0207 ^ 80 ^ 0x5678, window: 1024 }),
      text: "255 1024 0 255 - - masscan",
    },
    {
      name: "masscan's mark in a packet of a kind that it does not send",
      ip: ipv4Syn({ ttl: 64, id: 0x0207 ^ 80 ^ 0x5678, dontFragment: true }),
      text: "64 0 0 255 - dontFragment,oddIpId none",
    },
    {
      name: "Mirai",
      ip: ipv4Syn({ ttl: 52, id: 7, sequence: 0xc000_0207, window: 14_600 }),
      text: "64 14600 0 255 - - mirai",
    },
    {
      name: "ZMap",
      ip: ipv4Syn({ ttl: 246, id: 54_321, window: 65_535 }),
      text: "255 65535 0 255 - - zmap",
    },
    {
      name: "every quirk at once",
      ip: ipv4Syn({
        ttl: 1,
        reserved: true,
        trafficClass: 2,
        sequence: 0,
        acknowledgement: 1,
        urgentPointer: 3,
        options: [8, 10, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3],
      }),
      text: "32 0 0 255 timestamps,windowScale oddIpId,congestion,reserved,zeroSequence,excess,oddTimestamp,badOptions none",
    },
  ])("tells $name", ({ ip, text }) => {
    expect(read(ip)).toBe(text);
  });

  it("is read from IPv6 with the flow label as a quirk", () => {
    const ip = ipv6({ hopLimit: 60 }, segment({ window: 64_800, options: linuxOptions }));
    expect(read(ip)).toBe(`64 64800 1460 7 ${linuxNames} - none`);
    ip[3] = 9;
    ip[1] = 0x20;
    expect(read(ip)).toBe(`64 64800 1460 7 ${linuxNames} dontFragment,congestion none`);
  });

  it.each([
    {
      name: "more than eight",
      options: [1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 5, 0xb4],
      text: "64 0 1460 255 NOPS -",
    },
    { name: "behind the end of the list", options: [0, 7, 0, 0], text: "64 0 0 255 endOfList badOptions" },
    {
      name: "that end with padding",
      options: [4, 2, 0, 0],
      text: "64 0 0 255 selectiveAckPermitted,endOfList -",
    },
    { name: "of length zero", options: [99, 0, 1, 1], text: "64 0 0 255 other badOptions" },
    { name: "of length one", options: [8, 1, 1, 1], text: "64 0 0 255 timestamps badOptions" },
    {
      name: "that go on behind the header",
      options: [2, 4, 5, 0xb4, 34, 18, 0, 0],
      text: "64 0 1460 255 maximumSegmentSize,fastOpen badOptions",
    },
    {
      name: "with a scale out of range",
      options: [3, 3, 200, 1],
      text: "64 0 0 200 windowScale,noOperation badOptions",
    },
    {
      name: "with an MSS of the wrong length",
      options: [2, 3, 5, 1],
      text: "64 0 0 255 maximumSegmentSize,noOperation badOptions",
    },
  ])("reads options $name", ({ options, text }) => {
    const nops = Array<string>(8).fill("noOperation").join();
    expect(read(ipv4Syn({ id: 1, options }))).toBe(`${text.replace("NOPS", nops)} none`);
  });

  it("stops where the snap length cut the options", () => {
    const ip = ipv4Syn({ id: 1, options: linuxOptions });
    expect(read(ip, 20 + 20 + 5)).toBe(
      "64 0 1460 255 maximumSegmentSize,selectiveAckPermitted badOptions none",
    );
  });

  it("is none when the headers are elsewhere", () => {
    const { packet } = decodeIp(ipv4Syn({}));
    expect(new SynFingerprint().write(packet, new Uint8Array(0), new Uint8Array(12), 0)).toBe(-1);
  });
});
