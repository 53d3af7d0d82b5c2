import { policySchema, type Policy } from "@picket/correlator/policy/policy.js";
import { PicketError } from "@picket/proto/picket-error.js";
import { parsePolicy } from "../policy/policy-mapper.js";

/** One setting of the policy as people name it. */
export interface PolicySetting {
  /** "scan.crowdSourcesMin". */
  readonly name: string;
  /** What it means, one sentence. */
  readonly about: string;
}

const { homeNetworks, ...groups } = policySchema.shape;

/** Every setting in the order of the schema. */
export const policySettings: readonly PolicySetting[] = [
  { name: "homeNetworks", about: homeNetworks.description ?? "" },
  ...Object.entries(groups).flatMap(([group, schema]) =>
    Object.entries(schema.unwrap().shape).map(([name, field]) => ({
      name: `${group}.${name}`,
      about: field.description ?? "",
    })),
  ),
];

/** Values of one setting, undefined where the policy lacks it. */
export function settingOf(policy: unknown, name: string): unknown {
  return name.split(".").reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), policy);
}

/** A value as `policy set` takes it. */
export function formatSetting(value: unknown): string {
  return Array.isArray(value) ? value.join(",") : String(value);
}

/**
 * The policy with assignments like "scan.crowdSourcesMin=4" made; the value
 * "default" brings the default back, a list is separated by commas.
 * Throws PicketError INVALID_ARGUMENT or INVALID_POLICY that names the field.
 */
export function applyAssignments(policy: Policy, assignments: readonly string[]): Policy {
  const changed: Record<string, unknown> = structuredClone(policy);
  for (const assignment of assignments) {
    const at = assignment.indexOf("=");
    if (at < 0) {
      throw new PicketError(
        "INVALID_ARGUMENT",
        `${assignment}: must be FIELD=VALUE, for example scan.crowdSourcesMin=4`,
      );
    }
    assign(changed, toCamelCase(assignment.slice(0, at).trim()), assignment.slice(at + 1).trim());
  }
  return parseSettings(changed);
}

/**
 * The policy in a document that was read from YAML or JSON, in camel or snake
 * case; absent settings have their defaults. What `policy show --json` prints
 * besides the settings is passed over, but its etag is given back.
 */
export function parsePolicyDocument(document: unknown): { policy: Policy; etag: string | undefined } {
  if (!isObject(document)) throw new PicketError("INVALID_POLICY", "policy: must be an object with settings");
  const {
    revision: _r,
    updateTime: _u,
    author: _a,
    comment: _c,
    etag,
    ...settings
  } = keysToCamelCase(document);
  return { policy: parseSettings(settings), etag: typeof etag === "string" ? etag : undefined };
}

/** An empty list cannot be told from an absent one in a message. */
function parseSettings(settings: unknown): Policy {
  for (const { name } of policySettings) {
    const value = settingOf(settings, name);
    if (name === "homeNetworks" || !Array.isArray(value) || value.length > 0) continue;
    const field = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    throw new PicketError("INVALID_POLICY", `${field}: must not be empty; give values or the value default`, {
      field,
    });
  }
  return parsePolicy(settings);
}

function assign(policy: Record<string, unknown>, name: string, text: string): void {
  if (!policySettings.some((setting) => setting.name === name)) {
    const hint = "see `picket policy show` for the fields";
    throw new PicketError("INVALID_POLICY", `${name}: is not a field of the policy; ${hint}`, {
      field: name,
    });
  }
  const [group, key] = name.includes(".") ? name.split(".") : [undefined, name];
  const owner = group === undefined ? policy : policy[group];
  if (!isObject(owner)) return;
  if (text === "default") delete owner[key];
  else owner[key] = parseValue(owner[key], text);
}

/** Text in the type of the value it replaces; what does not fit stays text, for the schema to refuse. */
function parseValue(current: unknown, text: string): unknown {
  if (Array.isArray(current)) {
    const items = text === "" ? [] : text.split(",").map((item) => item.trim());
    return items.map((item) => (/^\d+$/.test(item) ? Number(item) : item));
  }
  if (typeof current === "boolean" && (text === "true" || text === "false")) return text === "true";
  if (typeof current === "number" && text !== "" && Number.isFinite(Number(text))) return Number(text);
  return text;
}

function keysToCamelCase(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) => [
      toCamelCase(key),
      isObject(value) ? keysToCamelCase(value) : value,
    ]),
  );
}

function toCamelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
