import { decodeResultNames } from "@picket/sensor/decode/decoded-packet.js";
import { SeededRandom } from "../scenarios/seeded-random.js";
import { DecodeCheck } from "./decode-check.js";
import { type CorpusFrame } from "./frame-corpus.js";
import { FrameMutator, MutatedFrame } from "./frame-mutator.js";

/** Every so many frames one is decoded in memory that checks each read. */
const framesPerCheckedRead = 50;
/** A slow frame is timed again, so that a pause of the process is not taken for it. */
const retimings = 5;

/** What a run found. */
export interface FuzzReport {
  readonly frames: number;
  /** How often each result came, by name. */
  readonly results: Readonly<Record<string, number>>;
  readonly slowestUs: number;
  readonly slowestFrame: string;
  /** What went wrong first, with the frame; undefined when nothing did. */
  readonly failure: string | undefined;
}

/** Decodes `frames` mutated frames of the corpus; stops at the first that goes wrong. */
export function runDecodeFuzz(corpus: readonly CorpusFrame[], frames: number, seed: number): FuzzReport {
  const mutator = new FrameMutator(corpus, new SeededRandom(seed));
  const frame = new MutatedFrame();
  const check = new DecodeCheck();
  const slowest = { us: 0, frame: "" };
  let failure: string | undefined;
  let done = 0;
  for (; done < frames && failure === undefined; done++) {
    mutator.next(frame);
    failure = findFailure(check, frame, done);
    if (failure === undefined) timeFrame(check, frame, slowest);
  }
  const results = Object.fromEntries(decodeResultNames.map((name, result) => [name, check.results[result]]));
  return { frames: done, results, slowestUs: slowest.us, slowestFrame: slowest.frame, failure };
}

function findFailure(check: DecodeCheck, frame: MutatedFrame, number: number): string | undefined {
  try {
    if (number % framesPerCheckedRead === 0) check.checkReads(frame);
    const wrong = check.check(frame);
    return wrong === undefined ? undefined : `${wrong}: ${describe(frame)}`;
  } catch (error) {
    return `${String(error)}: ${describe(frame)}`;
  }
}

function timeFrame(check: DecodeCheck, frame: MutatedFrame, slowest: { us: number; frame: string }): void {
  let bestUs = decodeUs(check, frame);
  for (let timing = 0; timing < retimings && bestUs > slowest.us; timing++) {
    bestUs = Math.min(bestUs, decodeUs(check, frame));
  }
  if (bestUs <= slowest.us) return;
  slowest.us = bestUs;
  slowest.frame = describe(frame);
}

function decodeUs(check: DecodeCheck, frame: MutatedFrame): number {
  const start = performance.now();
  check.decodeExact(frame);
  return (performance.now() - start) * 1000;
}

function describe(frame: MutatedFrame): string {
  const hex = Buffer.from(frame.bytes.subarray(0, frame.length)).toString("hex");
  return `link type ${frame.linkType}, ${frame.length} bytes ${hex}`;
}
