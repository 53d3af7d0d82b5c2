import { TcpFlag, type FrameEnds } from "../scenarios/frame.js";
import { SeededRandom } from "../scenarios/seeded-random.js";
import { ProbeCapture, reversed } from "./probe-capture.js";

const { syn, ack, reset, push, fin } = TcpFlag;
const target = 0x0a09_000a;
const ipv4 = { isIpv6: false } as const;

/** Sources of a decoy scan, the real one among them. */
export const decoyScanSources = 10;

/**
 * A scan of a thousand ports of one host under ten addresses at once. Of the two open ports' answers, the scanner
 * and half of the decoys, which exist, refuse what they did not ask for.
 * @param sourceOf the address of each of them
 */
function decoyScan(path: string, sourceOf: (number: number) => number): void {
  const capture = new ProbeCapture();
  const random = new SeededRandom(3);
  for (let port = 1; port <= 1000; port++)
    for (let number = 0; number < decoyScanSources; number++) {
      const timeUs = port * 3000 + number * 200;
      const from = { source: sourceOf(number), sourcePort: 50_000 + number };
      const ends = { isIpv6: false, ...from, destination: target, destinationPort: port };
      capture.add(timeUs, ends, syn);
      const isOpen = port === 22 || port === 443;
      capture.add(timeUs + 60 + random.below(40), reversed(ends), isOpen ? syn | ack : reset | ack);
      if (isOpen && number % 2 === 0) capture.add(timeUs + 20_000 + random.below(9000), ends, reset);
    }
  capture.write(path);
}

/** A decoy scan under addresses from all over the Internet. */
export function scatteredDecoys(path: string): void {
  decoyScan(path, (number) => 0x2d00_0010 + number * 0x0613_1d07);
}

/** A decoy scan under the scanner's neighbours' addresses. */
export function neighbourDecoys(path: string): void {
  decoyScan(path, (number) => 0xc633_6407 + number * 19);
}

/** A decoy scan inside, under the addresses of hosts of the same network. */
export function insideDecoys(path: string): void {
  decoyScan(path, (number) => 0x0a09_0140 + number * 3);
}

/** What a host and its neighbours get to hear when others' services are flooded in their names. */
export function backscatter(path: string): void {
  const capture = new ProbeCapture();
  const random = new SeededRandom(5);
  for (let index = 0; index < 20_000; index++) {
    const ends = {
      ...ipv4,
      source: 0xcb00_7100 + 5 + random.below(3),
      destination: random.chance(0.5) ? target : 0x0a09_0000 + random.below(4096),
      sourcePort: random.pick([80, 443, 25_565]),
      destinationPort: random.between(1024, 65_535),
    };
    capture.add(index * 1500, ends, random.chance(0.7) ? syn | ack : reset | ack);
  }
  capture.write(path);
}

/** A browser that opens two connections to each of 300 places and drops the one that loses. */
export function racingBrowser(path: string): void {
  const capture = new ProbeCapture();
  const random = new SeededRandom(7);
  for (let place = 0; place < 300; place++) {
    const startUs = place * 2_000_000 + random.below(500_000);
    const at = { source: target, destination: 0x3400_0000 + place * 256 + 7, destinationPort: 443 };
    for (const lane of [0, 1]) {
      const ends = { ...at, isIpv6: false, sourcePort: 40_000 + place * 2 + lane };
      const timeUs = startUs + lane * 250_000;
      capture.add(timeUs, ends, syn);
      capture.add(timeUs + 30_000, reversed(ends), syn | ack);
      if (lane === 1) capture.add(timeUs + 30_100, ends, reset);
      else converse(capture, timeUs + 30_100, ends);
    }
  }
  capture.write(path);
}

/**
 * The same over a network whose IPv6 leads nowhere: that try is never answered, the one over IPv4 is. Every place is in
 * a network of its own, as they are.
 */
export function brokenIpv6Browser(path: string): void {
  const capture = new ProbeCapture();
  const random = new SeededRandom(9);
  for (let place = 0; place < 100; place++) {
    const timeUs = place * 5_000_000 + random.below(500_000);
    const at = { source: target, destination: 0x3400_0000 + place * 256 + 7, destinationPort: 443 };
    const sourcePort = 40_000 + place;
    const destinationNetwork = 0x2a00_0000_0000 + random.below(0xffff_ffff);
    for (const retryUs of [0, 1_000_000, 3_000_000])
      capture.add(timeUs + retryUs, { ...at, isIpv6: true, sourcePort, destinationNetwork }, syn);
    const ends = { ...at, isIpv6: false, sourcePort };
    capture.add(timeUs + 250_000, ends, syn);
    capture.add(timeUs + 280_000, reversed(ends), syn | ack);
    converse(capture, timeUs + 280_100, ends);
  }
  capture.write(path);
}

function converse(capture: ProbeCapture, timeUs: number, ends: FrameEnds): void {
  capture.add(timeUs, ends, ack);
  capture.add(timeUs + 100, ends, push | ack);
  capture.add(timeUs + 40_000, reversed(ends), push | ack);
  capture.add(timeUs + 60_000, ends, fin | ack);
  capture.add(timeUs + 90_000, reversed(ends), fin | ack);
  capture.add(timeUs + 90_200, ends, ack);
}
