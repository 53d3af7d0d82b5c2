import { decodeResultNames } from "@picket/sensor/decode/decoded-packet.js";
import { SeededRandom } from "../scenarios/seeded-random.js";
import { Conversations, type FrameSource } from "./conversations.js";
import { DecodeCheck } from "./decode-check.js";
import type { CorpusFrame } from "./frame-corpus.js";
import { FrameGenerator } from "./frame-generator.js";
import { FrameMutator, MutatedFrame } from "./frame-mutator.js";
import { PipelineCheck } from "./pipeline-check.js";

/** Every so many frames one is decoded in memory that checks each read. */
const framesPerCheckedRead = 50;
/** A slow frame is timed again, so that a pause of the process is not taken for it. */
const retimings = 5;
const decodeUsMax = 1000;
const framesPerProgress = 1_000_000;

/** What a run found. */
export interface FuzzReport {
  readonly frames: number;
  /** How often each result came, by name. */
  readonly results: Readonly<Record<string, number>>;
  /** Counters of the pipelines that metered the frames. */
  readonly counters: ReadonlyMap<string, number>;
  /** Slowest frame in decode, and how long a frame took at most in a block that was metered. */
  readonly slowestUs: number;
  readonly slowestFrame: string;
  readonly slowestMeteredUs: number;
  /** What went wrong first, with the frame; undefined when nothing did. */
  readonly failure: string | undefined;
}

/**
 * Decodes and meters `frames` mutated frames of the corpus; stops at the first
 * that goes wrong. `onProgress` hears of every million.
 */
export function fuzzMutated(
  corpus: readonly CorpusFrame[],
  frames: number,
  seed: number,
  onProgress?: (frames: number) => void,
): FuzzReport {
  return new FuzzRun(seed, onProgress).run(new FrameMutator(corpus, new SeededRandom(seed)), frames);
}

/** The same with frames that are built layer by layer. */
export function fuzzGenerated(frames: number, seed: number): FuzzReport {
  return new FuzzRun(seed).run(new FrameGenerator(new SeededRandom(seed)), frames);
}

class FuzzRun {
  private readonly frame = new MutatedFrame();
  private readonly decode = new DecodeCheck();
  private readonly random: SeededRandom;
  private readonly pipeline: PipelineCheck;
  private slowestUs = 0;
  private slowestFrame = "";

  constructor(
    seed: number,
    private readonly onProgress?: (frames: number) => void,
  ) {
    this.random = new SeededRandom(~seed);
    this.pipeline = new PipelineCheck(this.random);
  }

  run(fresh: FrameSource, frames: number): FuzzReport {
    const source = new Conversations(fresh, this.random);
    let failure: string | undefined;
    let done = 0;
    for (; done < frames && failure === undefined; done++) {
      source.next(this.frame);
      const wrong = attempt(() => this.check(done));
      if (done % framesPerProgress === 0) this.onProgress?.(done);
      if (wrong !== undefined) failure = `${wrong}: frame ${done}, ${describe(this.frame)}`;
    }
    failure ??= attempt(() => this.pipeline.finish());
    const { slowestUs, slowestFrame, decode, pipeline } = this;
    return {
      frames: done,
      results: Object.fromEntries(decodeResultNames.map((name, result) => [name, decode.results[result]])),
      counters: pipeline.totals,
      slowestUs,
      slowestFrame,
      slowestMeteredUs: pipeline.slowestUs,
      failure,
    };
  }

  private check(number: number): string | undefined {
    const { decode, frame, pipeline } = this;
    if (number % framesPerCheckedRead === 0) decode.checkReads(frame);
    const wrong = decode.check(frame) ?? this.slowness();
    // Only decode tells which of the last frames it was that metering cannot bear.
    return wrong ?? pipeline.check(frame);
  }

  /** Times the frame, again while it is the slowest so far. */
  private slowness(): string | undefined {
    let bestUs = this.decodeUs();
    for (let timing = 0; timing < retimings && bestUs > this.slowestUs; timing++) {
      bestUs = Math.min(bestUs, this.decodeUs());
    }
    if (bestUs <= this.slowestUs) return undefined;
    this.slowestUs = bestUs;
    this.slowestFrame = describe(this.frame);
    return bestUs > decodeUsMax ? `decoded in ${bestUs} us` : undefined;
  }

  private decodeUs(): number {
    const start = performance.now();
    this.decode.decodeExact(this.frame);
    return (performance.now() - start) * 1000;
  }
}

/** What is wrong, or what was thrown. */
function attempt(check: () => string | undefined): string | undefined {
  try {
    return check();
  } catch (error) {
    return error instanceof Error ? String(error.stack).split("\n").slice(0, 4).join(" ") : String(error);
  }
}

function describe(frame: MutatedFrame): string {
  const hex = Buffer.from(frame.bytes.subarray(0, frame.length)).toString("hex");
  return `link type ${frame.linkType}, ${frame.length} bytes ${hex}`;
}
