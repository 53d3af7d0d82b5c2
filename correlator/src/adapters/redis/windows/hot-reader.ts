import {
  contactSliceMs,
  dayMs,
  sliceEndMs,
  startSliceMs,
  type HotWindow,
} from "../../../windows/window-store.js";
import type { RedisConnection } from "../redis-connection.js";
import type { CrowdReader } from "./crowd-reader.js";
import { startBlockSlices, windowKeys } from "./window-keys.js";
import { bytes, list } from "../redis-reply.js";

const slicesPerDay = dayMs / contactSliceMs;
/** How far back a first reading goes, which otherwise would go to 1970. */
const slicesBackMax = 2 * slicesPerDay;
const crowdSlicesBackMax = 18;
const blocksBackMax = 120;

/** Reads which windows are hot in a partition. */
export class HotReader {
  constructor(
    private readonly connection: RedisConnection,
    private readonly crowds: CrowdReader,
  ) {}

  async read(partition: number, afterMs: number, untilMs: number): Promise<HotWindow[]> {
    const slices = slicesEndingIn(afterMs, untilMs, contactSliceMs, slicesBackMax);
    const starts = slicesEndingIn(afterMs, untilMs, startSliceMs, blocksBackMax * startBlockSlices);
    const found = await Promise.all([
      ...distinct(slices, slicesPerDay).map((day) => this.sources(partition, day)),
      ...slices.slice(-crowdSlicesBackMax).map((slice) => this.crowds.closeSlice(partition, slice)),
      ...distinct(starts, startBlockSlices).map((block) => this.starts(partition, block)),
    ]);
    return found.flat().filter((hot) => {
      const endMs = sliceEndMs(hot);
      return endMs > afterMs && endMs <= untilMs;
    });
  }

  private async sources(partition: number, day: number): Promise<HotWindow[]> {
    const fields = list(await this.connection.command(["HGETALL", windowKeys.hotSources(partition, day)]));
    const found: HotWindow[] = [];
    for (let at = 0; at < fields.length; at += 2) {
      const source = bytes(fields[at]).toString("latin1");
      for (const place of placesOf(bytes(fields[at + 1])))
        found.push({ kind: "source", source, slice: day * slicesPerDay + place });
    }
    return found;
  }

  private async starts(partition: number, block: number): Promise<HotWindow[]> {
    const fields = list(await this.connection.command(["HGETALL", windowKeys.hotStarts(partition, block)]));
    const found: HotWindow[] = [];
    for (let at = 0; at < fields.length; at += 2) {
      const field = bytes(fields[at]);
      const direction = field[0] === 1 ? "outbound" : "inbound";
      const host = field.toString("latin1", 1);
      for (const place of placesOf(bytes(fields[at + 1])))
        found.push({ kind: "starts", host, direction, slice: block * startBlockSlices + place });
    }
    return found;
  }
}

/** Slices that end after `afterMs` and at or before `untilMs`, at most the last `slicesMax`. */
function slicesEndingIn(afterMs: number, untilMs: number, lengthMs: number, slicesMax: number): number[] {
  const last = Math.floor(untilMs / lengthMs) - 1;
  const first = Math.max(Math.floor(afterMs / lengthMs), last - slicesMax + 1);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
}

function distinct(slices: readonly number[], perGroup: number): number[] {
  return [...new Set(slices.map((slice) => Math.floor(slice / perGroup)))];
}

/** Numbers of the bits that are set; bit 0 is the lowest of the first byte. */
function placesOf(bitmap: Buffer): number[] {
  const places: number[] = [];
  for (let at = 0; at < bitmap.length * 8; at++) if ((bitmap[at >>> 3] >>> (at & 7)) & 1) places.push(at);
  return places;
}
