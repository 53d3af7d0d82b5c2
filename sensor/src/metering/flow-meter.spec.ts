import { describe, expect, it } from "vitest";
import { type OutcomeRow, PacketScript } from "./testing/packet-script.js";

const handshake = ["0 a>b S", "0.01 b>a SA", "0.02 a>b A"];
const exchange = [...handshake, "0.03 a>b PA len=100", "0.04 b>a PA len=500"];
const closing = ["0.05 a>b FA", "0.06 b>a FA", "0.07 a>b A"];

const tcp: readonly OutcomeRow[] = [
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

const oneSided: readonly OutcomeRow[] = [
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

const groups = { tcp, "one-sided views": oneSided };

describe.each([4, 6] as const)("outcome of a contact, IPv%i", (family) => {
  for (const [group, rows] of Object.entries(groups)) {
    it.each(rows)(`${group}: $name`, ({ packets, until, records }) => {
      const script = new PacketScript(family).play(...packets).wait(until ?? 200);
      expect(script.lines).toEqual(records);
    });
  }
});
