import { describe, expect, it } from "vitest";
import { PacketScript } from "./testing/packet-script.js";

interface Row {
  readonly name: string;
  readonly packets: readonly string[];
  /** Time of the last look; the default is after every timeout. */
  readonly until?: number;
  readonly records: readonly string[];
}

const handshake = ["0 a>b S", "0.01 b>a SA", "0.02 a>b A"];
const exchange = [...handshake, "0.03 a>b PA len=100", "0.04 b>a PA len=500"];
const closing = ["0.05 a>b FA", "0.06 b>a FA", "0.07 a>b A"];

const tcp: readonly Row[] = [
  {
    name: "SYN, SYN-ACK, ACK and an end within 2 s is one answered record",
    packets: [...exchange, ...closing],
    records: ["only answered 5/3 (end detected)"],
  },
  {
    name: "an answered connection that goes on is reported after 2 s and at its end",
    packets: exchange,
    records: ["first answered 3/2", "last answered 0/0 (idle timeout)"],
  },
  {
    name: "RST before SYN-ACK is refused, at once",
    packets: ["0 a>b S", "0.01 b>a RA"],
    until: 0.01,
    records: ["only refused 1/1 (end detected)"],
  },
  {
    name: "SYN-ACK, then RST by the originator is half-open, at once",
    packets: ["0 a>b S", "0.01 b>a SA", "0.02 a>b R"],
    until: 0.02,
    records: ["only half-open 2/1 (end detected)"],
  },
  {
    name: "a browser that drops the slower of two answers is half-open there",
    packets: [
      "0 a>b S",
      "0 a>c S",
      "0.01 b>a SA",
      "0.01 a>b A",
      "0.02 c>a SA",
      "0.02 a>c RA",
      "0.5 a>b PA len=9",
    ],
    records: ["only half-open 2/1 (end detected)", "first answered 3/1", "last answered 0/0 (idle timeout)"],
  },
  {
    name: "silence for the hold time is ignored",
    packets: ["0 a>b S"],
    until: 1.6,
    records: ["only ignored 1/0 (idle timeout)"],
  },
  { name: "before the hold time nothing is known", packets: ["0 a>b S"], until: 1.4, records: [] },
  {
    name: "SYN retransmissions belong to the contact",
    packets: ["0 a>b S", "1 a>b S", "3 a>b S", "7 a>b S"],
    records: ["only ignored 2/0 (idle timeout)", "last ignored 2/0 (idle timeout)"],
  },
  {
    name: "retries with another sequence belong to an unanswered contact",
    packets: ["0 a>b S seq=1", "0.5 a>b S seq=2", "1 a>b S seq=3"],
    records: ["only ignored 3/0 (idle timeout)"],
  },
  {
    name: "a late answer raises what was reported",
    packets: ["0 a>b S", "3 a>b S", "3.01 b>a SA", "3.02 a>b A", "3.1 a>b FA", "3.2 b>a FA"],
    records: [
      "only ignored 1/0 (idle timeout)",
      "delta answered 2/1 upgrade",
      "last answered 1/1 (end detected)",
    ],
  },
  {
    name: "a late refusal raises what was reported",
    packets: ["0 a>b S", "3 a>b S", "3.01 b>a RA"],
    records: ["only ignored 1/0 (idle timeout)", "last refused 1/1 (end detected) upgrade"],
  },
  {
    name: "an originator that is silent after the SYN-ACK is half-open",
    packets: ["0 a>b S", "0.01 b>a SA", "1 b>a SA"],
    until: 1.7,
    records: ["only half-open 1/2 (idle timeout)"],
  },
  {
    name: "SYN-ACK retransmissions do not matter",
    packets: [
      "0 a>b S",
      "0.01 b>a SA",
      "1 b>a SA",
      "1.1 a>b A",
      ...closing.map((line) => `1${line.slice(1)}`),
    ],
    records: ["only answered 4/3 (end detected)"],
  },
  {
    name: "fast open: data in the SYN",
    packets: [
      "0 a>b S len=50",
      "0.01 b>a SA ack=1051",
      "0.02 b>a PA len=500 ack=1051",
      "0.03 a>b A",
      "0.1 a>b R",
    ],
    records: ["only answered 3/2 (end detected)"],
  },
  {
    name: "simultaneous open",
    packets: ["0 a>b S", "0.01 b>a S", "0.02 a>b SA", "0.02 b>a SA", "0.5 a>b R"],
    records: ["only answered 3/2 (end detected)"],
  },
  {
    name: "an ACK captured before its SYN-ACK counts",
    packets: ["0 b>a udp", "0 a>b udp", "1 a>b S", "1.02 a>b A", "1.01 b>a SA", "1.1 b>a R"],
    until: 3,
    records: ["only answered 1/1 (idle timeout)", "only answered 2/2 (end detected)"],
  },
  {
    name: "an ACK captured before its SYN counts",
    packets: ["0.02 a>b A", "0.0 a>b S", "0.01 b>a SA", "0.1 a>b PA len=10", "0.2 a>b R"],
    records: ["only answered 4/1 (end detected)"],
  },
  {
    name: "a lost SYN-ACK does not hide an answer",
    packets: ["0 b>a udp", "0 a>b udp", "1 a>b S", "1.02 a>b A", "1.03 b>a PA len=10", "1.1 a>b R"],
    until: 3,
    records: ["only answered 1/1 (idle timeout)", "only answered 3/1 (end detected)"],
  },
  {
    name: "a challenge ACK is no answer",
    packets: ["0 a>b S", "0.01 b>a A ack=77", "0.02 a>b R"],
    until: 1.6,
    records: ["only ignored 2/1 (idle timeout)"],
  },
  {
    name: "packets that stray in after the end open no flow",
    packets: [...exchange, ...closing, "0.3 b>a FA", "0.31 a>b A", "0.4 b>a R"],
    records: ["only answered 6/5 (end detected)"],
  },
  {
    name: "strays after a refusal are reported with its end",
    packets: ["0 a>b S", "0.01 b>a RA", "0.5 a>b S", "0.51 b>a RA"],
    records: ["only refused 1/1 (end detected)", "last refused 1/1 (end detected)"],
  },
  {
    name: "a SYN with another sequence after RST is a new flow",
    packets: ["0 a>b S seq=1", "0.01 b>a RA", "0.5 a>b S seq=9", "0.51 b>a RA"],
    records: ["only refused 1/1 (end detected)", "only refused 1/1 (end detected)"],
  },
  {
    name: "a SYN with another sequence after the end is a new flow",
    packets: [...exchange, ...closing, "0.5 a>b S seq=9000", "0.51 b>a SA", "0.52 a>b A", "0.6 a>b R"],
    records: ["only answered 5/3 (end detected)", "only answered 3/1 (end detected)"],
  },
  {
    name: "a spoofed SYN into a live connection changes nothing",
    packets: [...exchange, "0.1 a>b S seq=7", "0.2 a>b PA len=5"],
    records: ["first answered 5/2", "last answered 0/0 (idle timeout)"],
  },
  {
    name: "a refused SYN that is retransmitted and answered",
    packets: ["0 a>b S", "0.01 b>a RA", "0.5 a>b S", "0.51 b>a SA", "0.52 a>b A", "0.6 a>b R"],
    records: [
      "only refused 1/1 (end detected)",
      "delta answered 2/1 upgrade",
      "last answered 1/0 (end detected)",
    ],
  },
  {
    name: "every packet captured twice",
    packets: [...exchange, ...closing].flatMap((line) => [line, line]),
    records: ["only answered 10/6 (end detected)"],
  },
];

const oneSided: readonly Row[] = [
  {
    name: "an ACK after the SYN is an answer where no reverse packet was ever seen",
    packets: ["0 a>b S", "0.1 a>b A", "0.2 a>b FA"],
    records: ["first answered 3/0 one-sided", "last answered 0/0 (idle timeout) one-sided"],
  },
  {
    name: "data after the SYN likewise",
    packets: ["0 a>b S", "0.1 a>b PA len=10", "0.2 a>b RA"],
    records: ["only answered 3/0 (end detected) one-sided"],
  },
  {
    name: "a RST after the SYN means that something was answered",
    packets: ["0 a>b S", "0.1 a>b R"],
    records: ["only half-open 2/0 (end detected) one-sided"],
  },
  {
    name: "a bare ACK proves nothing where replies of the pair were seen",
    packets: ["0 a>b S port=81", "0.01 b>a RA port=81", "0.1 a>b S", "0.2 a>b A"],
    records: ["only refused 1/1 (end detected)", "only ignored 2/0 (idle timeout)"],
  },
  {
    name: "RST wins over a bare ACK",
    packets: ["0 a>b S port=81", "0.01 b>a RA port=81", "0.1 a>b S", "0.2 a>b A", "0.3 b>a RA"],
    records: ["only refused 1/1 (end detected)", "only refused 2/1 (end detected)"],
  },
  {
    name: "a RST by the originator does not undo silence where replies were seen",
    packets: ["0 a>b S port=81", "0.01 b>a RA port=81", "0.1 a>b S", "0.2 a>b R"],
    records: ["only refused 1/1 (end detected)", "only ignored 2/0 (end detected)"],
  },
];

const unknown: readonly Row[] = [
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

const stealth: readonly Row[] = [
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

const datagrams: readonly Row[] = [
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

const groups = {
  tcp,
  "one-sided views": oneSided,
  "unknown outcomes": unknown,
  "stealth contacts": stealth,
  datagrams,
};

describe.each([4, 6] as const)("outcome of a contact, IPv%i", (family) => {
  for (const [group, rows] of Object.entries(groups)) {
    it.each(rows)(`${group}: $name`, ({ packets, until, records }) => {
      const script = new PacketScript(family).play(...packets).wait(until ?? 200);
      expect(script.lines).toEqual(records);
    });
  }
});
