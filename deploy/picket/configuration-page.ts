import { policySchema } from "@picket/correlator/policy/policy.js";
import { apiConfigSchema } from "@picket/api/config.js";
import { correlatorConfigSchema } from "@picket/correlator/config.js";
import { sensorConfigSchema } from "@picket/sensor/config.js";
import type { z } from "zod";

import { doctorConfigSchema } from "./doctor/doctor-config.js";
import type { ConfigField } from "./options-from-schema.js";
import { configFields, valueText } from "./options-from-schema.js";
import { upConfigSchema } from "./up-config.js";

const roles: readonly { readonly name: string; readonly schema: z.ZodType }[] = [
  { name: "up", schema: upConfigSchema },
  { name: "sensor", schema: sensorConfigSchema },
  { name: "correlator", schema: correlatorConfigSchema },
  { name: "api", schema: apiConfigSchema },
  { name: "doctor", schema: doctorConfigSchema },
];

const head = `# Configuration

Written by \`npm run docs\` from the schemas; do not edit.

Each process has its own settings. A flag wins over its environment variable, the variable over the YAML file
of \`--config FILE\`, the file over the default. In the file, nested keys stand as they do in the first column
(\`nats.servers\` is \`servers\` under \`nats\`). A key that is not listed is an error. \`--print-config\` shows the
settings in force, \`--check\` only checks them.

The *policy* is not configuration: it is one for the whole fleet, kept centrally, and changed with
\`picket policy set\` while everything runs.
`;

/** The text of docs/configuration.md. */
export function configurationPage(): string {
  const tables = roles.map(({ name, schema }) => `## picket ${name}\n\n${roleTable(configFields(schema))}`);
  return [head, ...tables, policyText()].join("\n");
}

function roleTable(fields: readonly ConfigField[]): string {
  const rows = fields.map((field) =>
    row([
      code(field.path.join(".")),
      code(field.flag),
      code(field.variable),
      fallback(field),
      range(field),
      field.about,
    ]),
  );
  return table(["key", "flag", "variable", "default", "allowed", "meaning"], rows);
}

function policyText(): string {
  const rows = configFields(policySchema).map((field) =>
    row([code(field.path.join(".")), fallback(field), range(field), field.about]),
  );
  const about =
    "Names are those of proto3 JSON; `picket policy set` and policy files take `crowd_sources_min` too.";
  return `## Policy\n\n${about}\n\n${table(["key", "default", "allowed", "meaning"], rows)}`;
}

function table(titles: readonly string[], rows: readonly string[]): string {
  return [row(titles), row(titles.map(() => "---")), ...rows].join("\n") + "\n";
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
}

function code(text: string): string {
  return `\`${text}\``;
}

function fallback(field: ConfigField): string {
  const { defaultValue, path } = field;
  if (path.join(".") === "name") return "the host's name";
  if (defaultValue === undefined) return "none";
  return typeof defaultValue === "object" && !Array.isArray(defaultValue)
    ? "see meaning"
    : valueText(defaultValue);
}

function range(field: ConfigField): string {
  if (field.choices !== undefined) return field.choices.join(", ");
  if (field.type === "boolean") return "true, false";
  if (field.minimum !== undefined && field.maximum !== undefined)
    return `${field.minimum} to ${field.maximum}`;
  return field.type === "list" ? "a list" : "text";
}
