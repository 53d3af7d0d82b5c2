import { readFile } from "node:fs/promises";

import { PicketError } from "@picket/proto/picket-error.js";
import type { Command } from "commander";
import { Option } from "commander";
import { parse } from "yaml";
import { z } from "zod";

/** One field of a configuration schema, as flag, environment variable and YAML key. */
export interface ConfigField {
  /** Keys from the root of the schema, for example ["nats", "servers"]. */
  readonly path: readonly string[];
  /** "--nats-servers" */
  readonly flag: string;
  /** "PICKET_NATS_SERVERS" */
  readonly variable: string;
  readonly type: "string" | "number" | "boolean" | "list";
  readonly about: string;
  readonly defaultValue: unknown;
  readonly minimum: number | undefined;
  readonly maximum: number | undefined;
  readonly choices: readonly string[] | undefined;
}

interface JsonSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Every field of the schema, nested ones flattened, in the order written. */
export function configFields(schema: z.ZodType): ConfigField[] {
  const json = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
  return fieldsOf(json, []);
}

function fieldsOf(schema: JsonSchema, path: readonly string[]): ConfigField[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, field]) =>
    field.properties === undefined ? [fieldOf(field, [...path, key])] : fieldsOf(field, [...path, key]),
  );
}

function fieldOf(field: JsonSchema, path: readonly string[]): ConfigField {
  const name = path.map(kebab).join("-");
  return {
    path,
    flag: `--${name}`,
    variable: `PICKET_${name.replaceAll("-", "_").toUpperCase()}`,
    type: typeOf(field),
    about: field.description ?? "",
    defaultValue: field.default,
    minimum: within(field.minimum),
    maximum: within(field.maximum),
    choices: field.enum?.map(String),
  };
}

/** Bounds that only say "a safe integer" are no bounds worth showing. */
function within(bound: number | undefined): number | undefined {
  return bound === undefined || Math.abs(bound) >= Number.MAX_SAFE_INTEGER ? undefined : bound;
}

function typeOf(field: JsonSchema): ConfigField["type"] {
  const types = (field.anyOf ?? [field]).map((each) => each.type);
  if (types.includes("array")) return "list";
  if (types.includes("boolean")) return "boolean";
  if (types.includes("string")) return "string";
  return types.includes("integer") || types.includes("number") ? "number" : "string";
}

function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Adds a flag for each field, and `--config`, `--print-config` and `--check`. */
export function addConfigOptions(command: Command, schema: z.ZodType): Command {
  for (const field of configFields(schema)) command.addOption(optionOf(field));
  return command
    .option("--config <file>", "YAML file with the same settings; flags and environment win over it")
    .option("--print-config", "print the settings in force and stop")
    .option("--check", "check the settings and stop");
}

function optionOf(field: ConfigField): Option {
  const value = field.type === "boolean" ? "[true|false]" : field.type === "list" ? "<value...>" : "<value>";
  return new Option(`${field.flag} ${value}`, `${field.about} (${boundsText(field)})`);
}

/** For example "default 2000, 100 to 60000, env PICKET_STATUS_INTERVAL_MS". */
export function boundsText(field: ConfigField): string {
  const hasDefault = field.defaultValue !== undefined && field.defaultValue !== "";
  const parts = hasDefault ? [`default ${valueText(field.defaultValue)}`] : [];
  if (field.minimum !== undefined && field.maximum !== undefined) {
    parts.push(`${field.minimum} to ${field.maximum}`);
  }
  if (field.choices !== undefined) parts.push(`one of ${field.choices.join(", ")}`);
  return [...parts, `env ${field.variable}`].join(", ");
}

/** A default as it stands in help and documentation. */
export function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.join(",");
  return value === "" ? "empty" : String(value);
}

/**
 * The role's configuration: defaults, then the YAML file, then `environment`,
 * then the flags. Throws PicketError INVALID_ARGUMENT that names the flag, key
 * or variable, FILE_UNREADABLE for the file.
 */
export async function readConfig<Schema extends z.ZodType>(
  schema: Schema,
  flags: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<z.infer<Schema>> {
  const fields = configFields(schema);
  const file = typeof flags["config"] === "string" ? flags["config"] : undefined;
  const values = file === undefined ? {} : await readYaml(file);
  const origins = new Map<string, string>();
  for (const field of fields) {
    const fromEnvironment = environment[field.variable];
    if (fromEnvironment !== undefined) assign(values, field, fromEnvironment, field.variable, origins);
    const fromFlag = flags[attributeOf(field)];
    if (fromFlag !== undefined) assign(values, field, fromFlag, field.flag, origins);
  }
  const result = schema.safeParse(values);
  if (result.success) return result.data;
  throw invalid(result.error, origins, file);
}

/** Name under which commander stores the flag's value. */
function attributeOf(field: ConfigField): string {
  return field.flag.slice(2).replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function assign(
  values: Record<string, unknown>,
  field: ConfigField,
  value: unknown,
  origin: string,
  origins: Map<string, string>,
): void {
  let parent = values;
  for (const key of field.path.slice(0, -1)) {
    if (typeof parent[key] !== "object" || parent[key] === null) parent[key] = {};
    parent = parent[key] as Record<string, unknown>;
  }
  parent[field.path[field.path.length - 1]] = convert(field, value);
  origins.set(field.path.join("."), origin);
}

/** Text of a flag or variable as the field's type; what does not fit is left for the schema to refuse. */
function convert(field: ConfigField, value: unknown): unknown {
  if (field.type === "list")
    return (Array.isArray(value) ? value : String(value).split(",")).filter((each) => each !== "");
  if (field.type === "number") return value === "" || Number.isNaN(Number(value)) ? value : Number(value);
  if (field.type !== "boolean") return value;
  if (value === true || value === "true" || value === "1") return true;
  return value === "false" || value === "0" ? false : value;
}

/** The settings as they may be shown: what is secret is named, not printed. */
export function printable(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) return value.map((each) => printable(each, key));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, printable(each, name)]));
  }
  if (typeof value !== "string" || value === "") return value;
  if (/(password|token|secret|seed)$/i.test(key)) return "(not shown)";
  return value.replace(/\/\/[^/@]*@/, "//(not shown)@");
}

/** Reads a YAML or JSON file whose root is a map. */
export async function readYaml(file: string): Promise<Record<string, unknown>> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new PicketError("FILE_UNREADABLE", `${file}: cannot be read: ${reasonOf(cause)}`, { cause });
  });
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 100, prettyErrors: false });
  } catch (cause) {
    throw new PicketError("INVALID_ARGUMENT", `${file}: is not valid YAML: ${reasonOf(cause)}`, { cause });
  }
  if (value === null || value === undefined) return {};
  if (typeof value === "object" && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new PicketError("INVALID_ARGUMENT", `${file}: must be a map of settings, "key: value" on each line`);
}

/** One short reason out of a system or parser error. */
function reasonOf(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === "ENOENT") return "no such file";
  if (code === "EACCES") return "permission denied";
  if (code === "EISDIR") return "it is a folder";
  return cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
}

function invalid(
  error: z.ZodError,
  origins: ReadonlyMap<string, string>,
  file: string | undefined,
): PicketError {
  const issue = error.issues[0];
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    const key = [...path, issue.keys[0]].join(".");
    return new PicketError("INVALID_ARGUMENT", `${file}: unknown key ${key}`, { field: key });
  }
  const field = path.join(".");
  const origin =
    origins.get(field) ?? origins.get(path.slice(0, -1).join(".")) ?? (file ? `${file}: ${field}` : field);
  return new PicketError("INVALID_ARGUMENT", `${origin}: ${issueText(issue)}`, { field });
}

/** What is wrong with a value, in our words where zod's are vague. */
export function issueText(issue: z.core.$ZodIssue): string {
  if (issue.code === "too_small") return `must be at least ${String(issue.minimum)}`;
  if (issue.code === "too_big") return `must be at most ${String(issue.maximum)}`;
  if (issue.code === "invalid_type") return `must be ${article(issue.expected)}`;
  if (issue.code === "invalid_value") return `must be one of ${issue.values.join(", ")}`;
  return issue.message.charAt(0).toLowerCase() + issue.message.slice(1);
}

function article(type: string): string {
  if (type === "int") return "a whole number";
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}
