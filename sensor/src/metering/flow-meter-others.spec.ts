import { describe, expect, it } from "vitest";
import { type OutcomeRow, PacketScript } from "./testing/packet-script.js";

const handshake = ["0 a>b S", "0.01 b>a SA", "0.02 a>b A"];
const exchange = [...handshake, "0.03 a>b PA len=100", "0.04 b>a PA len=500"];
const unknown: readonly OutcomeRow[] = [
  {
    name: "SYN-ACK without SYN: its receiver is the source, the outcome unknown",
    packets: ["0 b>a SA"],
    records: ["only unknown 0/1 (idle timeout)"],
  },
  {
    name: "backscatter that is answered by RST",
    packets: ["0 b>a SA", "0.01 a>b R"],
    records: ["only unknown 1/1 (end detected)"],
  },
  {
    name: "a SYN captured after its SYN-ACK",
    packets: ["0 b>a SA", "0 a>b S", "0.02 a>b A", "0.1 a>b R"],
    records: ["only answered 3/1 (end detected)"],
  },
  {
    name: "a SYN that is not the one acknowledged is a contact of its own",
    packets: ["0 b>a SA ack=7", "0.5 a>b S", "0.51 b>a RA"],
    records: ["only unknown 0/1 (end detected)", "only refused 1/1 (end detected)"],
  },
  {
    name: "a capture that starts after the SYN",
    packets: ["0 b>a SA", "0.02 a>b A", "0.1 a>b PA len=5", "0.2 b>a FA", "0.3 a>b FA"],
    records: ["only unknown 3/2 (end detected)"],
  },
  { name: "RST alone", packets: ["0 b>a R"], records: ["only unknown 0/1 (end detected)"] },
  {
    name: "data in mid-stream both ways",
    packets: ["0 a>b PA len=5", "0.1 b>a A"],
    records: ["only unknown 1/1 (idle timeout)"],
  },
  {
    name: "data in mid-stream leads to the service whoever is seen first",
    packets: ["0 b>a PA len=5", "0.1 a>b A"],
    records: ["only unknown 1/1 (idle timeout)"],
  },
  { name: "FIN-ACK in mid-stream", packets: ["0 a>b FA"], records: ["only unknown 1/0 (idle timeout)"] },
  {
    name: "a bare ACK that is answered by an ACK",
    packets: ["0 a>b A", "0.1 b>a A"],
    records: ["only unknown 1/1 (idle timeout)"],
  },
  {
    name: "a bare ACK with TCP options is the middle of a connection",
    packets: ["0 a>b A options=12", "0.1 b>a R"],
    records: ["only unknown 1/1 (end detected)"],
  },
  {
    name: "a bare ACK of a connection that was idle for long",
    packets: [...exchange, "100 a>b A", "100.1 b>a R"],
    records: ["only answered 3/2 (idle timeout)", "only unknown 1/1 (end detected)"],
  },
  {
    name: "a silent bare ACK where replies pass elsewhere",
    packets: ["0 a>b S port=81", "0.1 a>b A port=81", "0.2 a>b RA port=81", "5 a>b A"],
    records: ["only answered 3/0 (end detected) one-sided", "only unknown 1/0 (idle timeout)"],
  },
];

const stealth: readonly OutcomeRow[] = [
  {
    name: "NULL, ignored",
    packets: ["0 a>b -"],
    until: 1.6,
    records: ["only ignored 1/0 (idle timeout) null"],
  },
  {
    name: "NULL, refused",
    packets: ["0 a>b -", "0.1 b>a RA"],
    records: ["only refused 1/1 (end detected) null"],
  },
  {
    name: "FIN, refused",
    packets: ["0 a>b F", "0.1 b>a RA"],
    records: ["only refused 1/1 (end detected) fin"],
  },
  {
    name: "FIN, retried and ignored",
    packets: ["0 a>b F", "1 a>b F"],
    records: ["only ignored 2/0 (idle timeout) fin"],
  },
  {
    name: "XMAS, refused",
    packets: ["0 a>b FPU", "0.1 b>a RA"],
    records: ["only refused 1/1 (end detected) xmas"],
  },
  {
    name: "other flags without ACK",
    packets: ["0 a>b PU", "0.1 b>a RA"],
    records: ["only refused 1/1 (end detected) other"],
  },
  {
    name: "SYN with FIN, refused",
    packets: ["0 a>b SF", "0.1 b>a RA"],
    records: ["only refused 1/1 (end detected) other"],
  },
  {
    name: "bare ACK, refused",
    packets: ["0 a>b A", "0.1 b>a R"],
    records: ["only refused 1/1 (end detected) ack"],
  },
  {
    name: "bare ACK, refused, captured twice",
    packets: ["0 a>b A id=7", "0 a>b A id=7", "0.1 b>a R", "0.1 b>a R"],
    records: ["only refused 2/1 (end detected) ack", "last refused 0/1 (end detected) ack"],
  },
  {
    name: "bare ACK, silence for the longer hold time",
    packets: ["0 a>b A"],
    until: 5.1,
    records: ["only ignored 1/0 (idle timeout) ack"],
  },
  { name: "bare ACK, silence may yet be broken", packets: ["0 a>b A"], until: 4.9, records: [] },
  {
    name: "a first fragment that hides its flags",
    packets: ["0 a>b fragment", "0.1 b>a RA"],
    records: ["only refused 1/1 (end detected) fragment"],
  },
  {
    name: "a first fragment that hid a SYN",
    packets: ["0 a>b fragment", "0.1 b>a SA"],
    records: ["only half-open 1/1 (end detected) fragment"],
  },
];

const datagrams: readonly OutcomeRow[] = [
  {
    name: "UDP with a reply that falls silent is one answered record",
    packets: ["0 a>b udp len=30", "0.1 b>a udp len=90"],
    until: 2.2,
    records: ["only answered 1/1 (idle timeout)"],
  },
  {
    name: "UDP that goes on",
    packets: ["0 a>b udp", "0.1 b>a udp", "1 a>b udp", "2 a>b udp", "3 b>a udp"],
    records: ["first answered 3/1", "last answered 0/1 (idle timeout)"],
  },
  {
    name: "UDP without a reply is ignored after its hold time",
    packets: ["0 a>b udp"],
    until: 5.1,
    records: ["only ignored 1/0 (idle timeout)"],
  },
  { name: "UDP, and nothing is known before that", packets: ["0 a>b udp"], until: 4.9, records: [] },
  {
    name: "UDP that counts hops, without a reply",
    packets: ["0 a>b udp ttl=30"],
    records: ["only unknown 1/0 (idle timeout)"],
  },
  {
    name: "UDP with more hops than are counted",
    packets: ["0 a>b udp ttl=31"],
    until: 5.1,
    records: ["only ignored 1/0 (idle timeout)"],
  },
  {
    name: "UDP that counts hops, with a reply",
    packets: ["0 a>b udp ttl=3", "0.1 b>a udp"],
    until: 2.2,
    records: ["only answered 1/1 (idle timeout)"],
  },
  {
    name: "UDP that counts hops, port unreachable",
    packets: ["0 a>b udp ttl=3", "0.1 b>a unreachable about=udp"],
    until: 0.1,
    records: ["only unreachable 1/0 (end detected)"],
  },
  {
    name: "UDP, port unreachable",
    packets: ["0 a>b udp", "0.1 b>a unreachable about=udp"],
    until: 0.1,
    records: ["only unreachable 1/0 (end detected)"],
  },
  {
    name: "UDP, unreachable after a reply changes nothing",
    packets: ["0 a>b udp", "0.1 b>a udp", "0.2 b>a unreachable about=udp"],
    records: ["only answered 1/1 (idle timeout)"],
  },
  {
    name: "UDP, a reply after unreachable",
    packets: ["0 a>b udp", "0.1 c>a unreachable about=udp", "0.5 b>a udp"],
    records: [
      "only unreachable 1/0 (end detected)",
      "delta answered 0/1 upgrade",
      "last answered 0/0 (idle timeout)",
    ],
  },
  {
    name: "TCP SYN, unreachable",
    packets: ["0 a>b S", "0.1 c>a unreachable about=tcp"],
    until: 0.1,
    records: ["only unreachable 1/0 (end detected)"],
  },
  {
    name: "an error about a flow nobody knows is no flow",
    packets: ["0 b>a unreachable about=udp"],
    records: [],
  },
  { name: "multicast is no contact", packets: ["0 a>m udp"], records: ["only unknown 1/0 (idle timeout)"] },
  {
    name: "echo with a reply",
    packets: ["0 a>b echo", "0.1 b>a reply"],
    records: ["only answered 1/1 (idle timeout)"],
  },
  {
    name: "echo without a reply",
    packets: ["0 a>b echo"],
    until: 1.6,
    records: ["only ignored 1/0 (idle timeout)"],
  },
  {
    name: "echo, unreachable",
    packets: ["0 a>b echo", "0.1 c>a unreachable about=echo"],
    records: ["only unreachable 1/0 (end detected)"],
  },
  {
    name: "a reply without a request",
    packets: ["0 b>a reply"],
    records: ["only unknown 0/1 (idle timeout)"],
  },
  {
    name: "another protocol with a reply",
    packets: ["0 a>b gre", "0.1 b>a gre"],
    records: ["only answered 1/1 (idle timeout)"],
  },
  {
    name: "another protocol owes no reply",
    packets: ["0 a>b gre"],
    records: ["only unknown 1/0 (idle timeout)"],
  },
];

const groups = { "unknown outcomes": unknown, "stealth contacts": stealth, datagrams };

describe.each([4, 6] as const)("outcome of a contact, IPv%i", (family) => {
  for (const [group, rows] of Object.entries(groups)) {
    it.each(rows)(`${group}: $name`, ({ packets, until, records }) => {
      const script = new PacketScript(family).play(...packets).wait(until ?? 200);
      expect(script.lines).toEqual(records);
    });
  }
});
