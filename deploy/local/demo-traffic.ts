import type { Endpoints } from "./frame-writer.js";
import { reversed, tcpFlag, tcpFrame, udpFrame } from "./frame-writer.js";

/** A packet that passes one host's sensor. */
export interface DemoPacket {
  /** Microseconds after the start of the demo. */
  readonly offsetUs: number;
  /** Index of the host, from 0. */
  readonly host: number;
  readonly frame: Uint8Array;
}

/** Hosts of the demo, each with a sensor of its own. */
export const demoHostCount = 8;
/** Sources that share the sweep. */
export const demoSourceCount = 10;
/** The three ports that are swept. */
export const demoPorts = [22, 445, 3389] as const;
/** When the sweep starts and how long it takes, microseconds. */
export const demoSweep = { startUs: 1_500_000, lengthUs: 3_000_000 } as const;
/** Ordinary traffic repeats after this, microseconds. */
export const demoRoundUs = 5_000_000;

const { syn, ack, rst, psh, fin } = tcpFlag;

/** Address of a host: 10.20.0.11 and following. */
export function demoHostAddress(host: number): number {
  return ipv4(10, 20, 0, 11 + host);
}

/** Address of a source, spread over three networks set aside for documentation. */
export function demoSourceAddress(source: number): number {
  const networks = [ipv4(192, 0, 2, 0), ipv4(198, 51, 100, 0), ipv4(203, 0, 113, 0)];
  return networks[source % networks.length] + 20 + source * 7;
}

/**
 * The attack: ten sources share one sweep of three ports over eight hosts. Each
 * contact is made once, so a source makes two or three probes in all and a host
 * sees three sources, once each: nothing that one host could call a scan. Every
 * port is closed and answers with a reset. Packets in order of time.
 */
export function demoAttack(seed: number): DemoPacket[] {
  const random = randomNumbers(seed);
  const contacts = demoHostCount * demoPorts.length;
  const packets: DemoPacket[] = [];
  for (let contact = 0; contact < contacts; contact++) {
    const host = Math.floor(contact / demoPorts.length);
    const ends: Endpoints = {
      source: demoSourceAddress(contact % demoSourceCount),
      sourcePort: 32_768 + Math.floor(random() * 28_000),
      destination: demoHostAddress(host),
      destinationPort: demoPorts[contact % demoPorts.length],
    };
    const offsetUs = demoSweep.startUs + Math.floor((random() + contact) * (demoSweep.lengthUs / contacts));
    const sequence = Math.floor(random() * 2 ** 32);
    packets.push({ offsetUs, host, frame: tcpFrame(ends, syn, sequence, 0) });
    packets.push({
      offsetUs: offsetUs + 180,
      host,
      frame: tcpFrame(reversed(ends), rst | ack, 0, sequence + 1),
    });
  }
  return packets.sort((a, b) => a.offsetUs - b.offsetUs);
}

/**
 * One round of ordinary traffic: every host asks a name server and fetches a
 * page, all answered. `round` makes each round's ports differ. Packets in order
 * of time.
 */
export function demoOrdinary(seed: number, round: number): DemoPacket[] {
  const random = randomNumbers(seed * 65_537 + round);
  const packets: DemoPacket[] = [];
  for (let host = 0; host < demoHostCount; host++) {
    for (let k = 0; k < 4; k++) {
      const offsetUs = Math.floor(random() * (demoRoundUs - 400_000));
      const sourcePort = 40_000 + Math.floor(random() * 20_000);
      const source = demoHostAddress(host);
      packets.push(
        ...nameLookup(host, offsetUs, {
          source,
          sourcePort,
          destination: ipv4(10, 20, 0, 2),
          destinationPort: 53,
        }),
      );
      const server = ipv4(10, 20, 0, 100 + Math.floor(random() * 4));
      packets.push(
        ...pageFetch(host, offsetUs + 20_000, {
          source,
          sourcePort,
          destination: server,
          destinationPort: 443,
        }),
      );
    }
  }
  return packets.sort((a, b) => a.offsetUs - b.offsetUs);
}

function nameLookup(host: number, offsetUs: number, ends: Endpoints): DemoPacket[] {
  return [
    { offsetUs, host, frame: udpFrame(ends, 36) },
    { offsetUs: offsetUs + 900, host, frame: udpFrame(reversed(ends), 120) },
  ];
}

function pageFetch(host: number, offsetUs: number, ends: Endpoints): DemoPacket[] {
  const back = reversed(ends);
  const frames = [
    tcpFrame(ends, syn, 1000, 0),
    tcpFrame(back, syn | ack, 5000, 1001),
    tcpFrame(ends, ack, 1001, 5001),
    tcpFrame(ends, psh | ack, 1001, 5001, 300),
    tcpFrame(back, psh | ack, 5001, 1301, 1200),
    tcpFrame(ends, fin | ack, 1301, 6201),
    tcpFrame(back, fin | ack, 6201, 1302),
    tcpFrame(ends, ack, 1302, 6202),
  ];
  return frames.map((frame, i) => ({ offsetUs: offsetUs + i * 1200, host, frame }));
}

function ipv4(a: number, b: number, c: number, d: number): number {
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

/** Numbers in [0, 1) that depend on the seed alone (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
