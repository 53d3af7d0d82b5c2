import type { FlowLogParser, FlowLogRecord, ParsedLine } from "./flow-log-record.js";
import { readZeekFields, zeekFieldsRequired } from "./zeek-fields.js";

/** Reads Zeek's tab-separated conn.log, whose header lines name separator and columns. */
export class ZeekTsvParser implements FlowLogParser {
  private separator = "\t";
  private unset = "-";
  private columns = new Map<string, number>();
  private hasColumns = false;
  private values: readonly string[] = [];

  parse(line: string, record: FlowLogRecord): ParsedLine {
    if (line.startsWith("#")) return this.readHeader(line);
    if (line.length === 0) return "comment";
    if (!this.hasColumns) return "corrupt";
    this.values = line.split(this.separator);
    if (this.values.length < this.columns.size) return "corrupt";
    return readZeekFields(this.field, record);
  }

  /** Logs may be joined: a later header counts from there on. */
  private readHeader(line: string): ParsedLine {
    const separator = /^#separator (.+)$/.exec(line)?.[1];
    if (separator !== undefined) this.separator = unescapeSeparator(separator);
    const [key, ...values] = line.slice(1).split(this.separator);
    if (key === "unset_field" && values.length > 0) this.unset = values[0];
    if (key === "fields") {
      this.columns = new Map(values.map((name, column) => [name, column]));
      this.hasColumns = zeekFieldsRequired.every((name) => this.columns.has(name));
    }
    return "comment";
  }

  private readonly field = (name: string): string | undefined => {
    const column = this.columns.get(name);
    const value = column === undefined ? undefined : this.values[column];
    return value === this.unset ? undefined : value;
  };
}

/** Zeek writes the separator as `\x09`. */
function unescapeSeparator(text: string): string {
  return text.replace(/\\x([0-9a-fA-F]{2})/g, (_match, code: string) =>
    String.fromCharCode(parseInt(code, 16)),
  );
}
