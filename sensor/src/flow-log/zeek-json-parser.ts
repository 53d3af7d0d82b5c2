import type { FlowLogParser, FlowLogRecord, ParsedLine } from "./flow-log-record.js";
import { readZeekFields } from "./zeek-fields.js";

/** Reads Zeek's conn.log as JSON, one object a line. */
export class ZeekJsonParser implements FlowLogParser {
  private values: Record<string, unknown> = {};

  parse(line: string, record: FlowLogRecord): ParsedLine {
    if (line.length === 0 || line.startsWith("#")) return "comment";
    const values = parseObject(line);
    if (values === undefined) return "corrupt";
    this.values = values;
    return readZeekFields(this.field, record);
  }

  private readonly field = (name: string): string | number | undefined => {
    const value = this.values[name];
    return typeof value === "string" || typeof value === "number" ? value : undefined;
  };
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
