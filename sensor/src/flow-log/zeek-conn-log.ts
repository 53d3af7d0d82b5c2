import { stat } from "node:fs/promises";
import type { FlowBatchBuilder } from "@picket/proto/batch/flow-batch-builder.js";
import { PicketError } from "@picket/proto/picket-error.js";
import { ArgusCsvParser, argusHeaderStart } from "./argus-csv-parser.js";
import { appendRecord, type FlowLogParser, FlowLogRecord } from "./flow-log-record.js";
import { LineReader } from "./line-reader.js";
import { zeekFieldsRequired } from "./zeek-fields.js";
import { ZeekJsonParser } from "./zeek-json-parser.js";
import { ZeekTsvParser } from "./zeek-tsv-parser.js";

/** What a flow log says about itself. */
export interface FlowLogCounters {
  /** Flows delivered. */
  recordsRead: number;
  /** Lines that are neither a flow nor a comment, and damage that ended the file. */
  recordsCorrupt: number;
}

/**
 * Flows that another program metered: Zeek's conn.log (tab-separated or JSON)
 * or Argus as CSV, any of them gzipped, from a path or standard input (`-`).
 */
export class FlowLogFile {
  readonly counters: FlowLogCounters = { recordsRead: 0, recordsCorrupt: 0 };
  private readonly record = new FlowLogRecord();
  /** The record did not fit in the last batch. */
  private isWaiting = false;
  private isEnded = false;

  private constructor(
    readonly name: string,
    private readonly lines: LineReader,
    private readonly parser: FlowLogParser,
  ) {}

  /** Opens a log. Throws PicketError FILE_UNREADABLE, or CAPTURE_FORMAT when it is no flow log. */
  static async open(path: string): Promise<FlowLogFile> {
    const name = path === "-" ? "standard input" : path;
    const lines = await LineReader.open(path);
    const head = lines.peek();
    const parser = selectParser(head);
    if (parser !== undefined) return new FlowLogFile(name, lines, parser);
    await lines.close();
    throw new PicketError("CAPTURE_FORMAT", `${name} ${describeOther(head)}`);
  }

  /**
   * True when a file begins like a flow log. False for what is missing, and for
   * standard input and pipes, which cannot be read twice.
   */
  static async looksLike(path: string): Promise<boolean> {
    const status = path === "-" ? undefined : await stat(path).catch(() => undefined);
    if (status?.isFile() !== true) return false;
    const lines = await LineReader.open(path);
    const head = lines.peek();
    await lines.close();
    return selectParser(head) !== undefined;
  }

  /** Empties `builder` and fills it with the next flows; false when there are none left. */
  async next(builder: FlowBatchBuilder): Promise<boolean> {
    builder.reset();
    while (!this.isEnded) {
      if (!this.appendLines(builder)) break;
      if (!(await this.lines.fill())) await this.end();
    }
    return builder.length > 0;
  }

  /** Ends the file early and closes it. */
  async stop(): Promise<void> {
    if (this.isEnded) return;
    this.isEnded = true;
    await this.lines.close();
  }

  /** Takes the lines in memory; false when the batch is full. */
  private appendLines(builder: FlowBatchBuilder): boolean {
    if (this.isWaiting && !this.append(builder)) return false;
    for (let line = this.lines.takeLine(); line !== undefined; line = this.lines.takeLine()) {
      const parsed = this.parser.parse(line, this.record);
      if (parsed === "corrupt") this.counters.recordsCorrupt++;
      if (parsed === "record" && !this.append(builder)) return false;
    }
    return true;
  }

  private append(builder: FlowBatchBuilder): boolean {
    this.isWaiting = !appendRecord(this.record, builder);
    if (!this.isWaiting) this.counters.recordsRead++;
    return !this.isWaiting;
  }

  private async end(): Promise<void> {
    this.counters.recordsCorrupt += this.lines.linesTooLong;
    if (this.lines.brokenReason !== undefined) this.counters.recordsCorrupt++;
    await this.stop();
  }
}

function selectParser(head: string): FlowLogParser | undefined {
  if (head.startsWith(argusHeaderStart)) return new ArgusCsvParser();
  if (head.startsWith("{") && head.includes('"id.orig_h"') && head.includes('"proto"'))
    return new ZeekJsonParser();
  return isZeekTsv(head) ? new ZeekTsvParser() : undefined;
}

function isZeekTsv(head: string): boolean {
  const fields = /^#fields(.*)$/m.exec(head)?.[1];
  return fields !== undefined && zeekFieldsRequired.every((name) => fields.includes(name));
}

function describeOther(head: string): string {
  if (head.length === 0) return "is empty";
  const kind = /^#path\s+(\S+)/m.exec(head)?.[1];
  if (kind !== undefined) return `is a Zeek ${kind}.log: give the conn.log of the same time`;
  return "is no flow log: Zeek's conn.log or Argus as CSV is expected";
}
