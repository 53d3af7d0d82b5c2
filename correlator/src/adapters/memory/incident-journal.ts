import { randomBytes } from "node:crypto";
import { chmod, mkdir, open, readFile, rename, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { crc32 } from "node:zlib";
import { PicketError } from "@picket/proto/picket-error.js";
import { emptyReview, type Incident, type IncidentEvent } from "../../incidents/incident.js";
import { lockFolder } from "./folder-lock.js";

/** A line of the journal: one event, or the state of an incident whose events are no longer kept. */
export type JournalEntry =
  | { readonly sequence: number; readonly event: IncidentEvent }
  | { readonly state: Incident };

/** First line: the format and the identity of this log, which is part of every cursor. */
interface JournalHeader {
  readonly format: typeof journalFormat;
  readonly log: string;
}

export interface JournalOptions {
  /** Folder, made with mode 0700 when missing. */
  readonly folder: string;
  /** Bytes from which the journal asks to be rewritten. */
  readonly compactBytes?: number;
}

const journalFormat = "picket-incidents-1";
const fileName = "incidents.journal";

/**
 * Append-only journal of incident events on disk: one line an entry, made of
 * the CRC-32 of the JSON in hex, a space and the JSON. What a crash tore off at
 * the end is cut, a line that does not match its checksum is skipped; both are
 * counted. A failed write is counted and leaves the journal in need of
 * `rewrite`; it never stops detection.
 */
export class IncidentJournal {
  readonly counters = { linesTorn: 0, linesCorrupt: 0, writesFailed: 0, rewrites: 0 };
  private handle: FileHandle | undefined;
  private bytes = 0;
  private rewriteAtBytes: number;
  private failuresInARow = 0;
  /** Calls of `needsRewrite` to let pass before a failed rewrite is tried again. */
  private restLeft = 0;

  private constructor(
    private readonly file: string,
    private readonly compactBytes: number,
    private readonly unlock: () => Promise<void>,
    /** Random text that tells this log from every other. */
    readonly log: string,
    /** What the file held when it was opened; dropped by `takeReplay`. */
    private replay: JournalEntry[],
  ) {
    this.rewriteAtBytes = compactBytes;
  }

  /**
   * Opens or creates the journal in a folder.
   * Throws PicketError FILE_UNREADABLE when the folder or file cannot be used.
   */
  static async open(options: JournalOptions): Promise<IncidentJournal> {
    const file = path.join(options.folder, fileName);
    let unlock = async (): Promise<void> => undefined;
    try {
      await mkdir(options.folder, { recursive: true, mode: 0o700 });
      await chmod(options.folder, 0o700);
      unlock = await lockFolder(options.folder);
      return await IncidentJournal.load(file, options.compactBytes ?? 32 * 1024 * 1024, unlock);
    } catch (error) {
      await unlock();
      if (error instanceof PicketError) throw error;
      throw new PicketError(
        "FILE_UNREADABLE",
        `cannot use the incident journal ${file}: ${reasonOf(error)}`,
        {
          cause: error,
        },
      );
    }
  }

  private static async load(
    file: string,
    compactBytes: number,
    unlock: () => Promise<void>,
  ): Promise<IncidentJournal> {
    const bytes = await readIfThere(file);
    const parsed = parseLines(bytes);
    const header = parsed.header ?? { format: journalFormat, log: randomBytes(6).toString("hex") };
    if (header.format !== journalFormat) {
      throw new PicketError(
        "FILE_UNREADABLE",
        `the incident journal ${file} has an unknown format: move it away`,
      );
    }
    const journal = new IncidentJournal(file, compactBytes, unlock, header.log, parsed.entries);
    journal.counters.linesTorn = parsed.linesTorn;
    journal.counters.linesCorrupt = parsed.linesCorrupt;
    journal.bytes = parsed.soundBytes;
    if (parsed.header === undefined) await journal.rewrite(parsed.entries);
    else await journal.reopen(parsed.soundBytes);
    return journal;
  }

  /** The entries found at opening, oldest first; a second call gives nothing. */
  takeReplay(): JournalEntry[] {
    const entries = this.replay;
    this.replay = [];
    return entries;
  }

  /** True when the file is too large or its end is not known: write it anew with `rewrite`. */
  needsRewrite(): boolean {
    if (this.handle !== undefined) return this.bytes >= this.rewriteAtBytes;
    return this.restLeft-- <= 0;
  }

  /** Appends and syncs to disk; a failure is counted, closes the file and asks for a rewrite. */
  async append(entries: readonly JournalEntry[]): Promise<void> {
    if (this.handle === undefined) return;
    const text = Buffer.from(entries.map(formatLine).join(""));
    try {
      await this.handle.appendFile(text);
      await this.handle.datasync();
      this.bytes += text.length;
    } catch {
      await this.fail();
    }
  }

  /** Replaces the file by these entries, by a temporary file and a rename. */
  async rewrite(entries: Iterable<JournalEntry>): Promise<void> {
    this.counters.rewrites++;
    try {
      await this.handle?.close();
      this.handle = undefined;
      this.bytes = await writeWhole(this.file, { format: journalFormat, log: this.log }, entries);
      this.rewriteAtBytes = Math.max(this.compactBytes, 2 * this.bytes);
      await this.reopen(this.bytes);
      this.failuresInARow = 0;
    } catch {
      await this.fail();
    }
  }

  async close(): Promise<void> {
    await this.handle?.close();
    this.handle = undefined;
    await this.unlock();
  }

  private async reopen(soundBytes: number): Promise<void> {
    this.handle = await open(this.file, "a", 0o600);
    await this.handle.chmod(0o600);
    await this.handle.truncate(soundBytes);
  }

  private async fail(): Promise<void> {
    this.counters.writesFailed++;
    // At the first failure at once, then after 1, 2, 4, ... 256 more commits.
    this.restLeft = this.failuresInARow === 0 ? 0 : 2 ** Math.min(8, this.failuresInARow - 1);
    this.failuresInARow++;
    const { handle } = this;
    this.handle = undefined;
    await handle?.close().catch(() => undefined);
  }
}

async function writeWhole(
  file: string,
  header: JournalHeader,
  entries: Iterable<JournalEntry>,
): Promise<number> {
  const temporary = `${file}.new`;
  const handle = await open(temporary, "w", 0o600);
  let bytes = 0;
  try {
    let chunk = formatLine(header);
    for (const entry of entries) {
      chunk += formatLine(entry);
      if (chunk.length < 1 << 20) continue;
      bytes += (await handle.write(Buffer.from(chunk))).bytesWritten;
      chunk = "";
    }
    bytes += (await handle.write(Buffer.from(chunk))).bytesWritten;
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
  return bytes;
}

function formatLine(value: JournalHeader | JournalEntry): string {
  const json = JSON.stringify(value);
  return `${crc32(json).toString(16).padStart(8, "0")} ${json}\n`;
}

interface ParsedJournal {
  readonly header: JournalHeader | undefined;
  readonly entries: JournalEntry[];
  readonly linesTorn: number;
  readonly linesCorrupt: number;
  /** Length up to and with the last whole line. */
  readonly soundBytes: number;
}

function parseLines(bytes: Buffer): ParsedJournal {
  const soundBytes = bytes.lastIndexOf(0x0a) + 1;
  const entries: JournalEntry[] = [];
  let header: JournalHeader | undefined;
  let linesCorrupt = 0;
  for (let start = 0; start < soundBytes;) {
    const end = bytes.indexOf(0x0a, start);
    const value = parseLine(bytes.toString("utf8", start, end));
    if (value === undefined) linesCorrupt++;
    else if ("format" in value) header ??= value;
    else entries.push(value);
    start = end + 1;
  }
  return { header, entries, linesTorn: soundBytes < bytes.length ? 1 : 0, linesCorrupt, soundBytes };
}

function parseLine(line: string): JournalHeader | JournalEntry | undefined {
  const json = line.slice(9);
  if (line[8] !== " " || Number.parseInt(line.slice(0, 8), 16) !== crc32(json)) return undefined;
  try {
    const value: unknown = JSON.parse(json, reviveIncident);
    return isJournalValue(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** JSON knows no infinity, which is the end of a lapse that goes on; journals of before know no lapses and reviews. */
function reviveIncident(key: string, value: unknown): unknown {
  if (key === "toMs" && value === null) return Infinity;
  if (key === "coverage") return { waitingSensors: [], lapses: [], ...(value as object) };
  if (key === "incident" || (key === "state" && typeof value === "object"))
    return { review: emptyReview, ...(value as object) };
  return value;
}

/** The checksum vouches for the content; this tells the three kinds of line apart. */
function isJournalValue(value: unknown): value is JournalHeader | JournalEntry {
  if (typeof value !== "object" || value === null) return false;
  return "format" in value || "state" in value || ("sequence" in value && "event" in value);
}

async function readIfThere(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
