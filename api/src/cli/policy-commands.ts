import { readFile } from "node:fs/promises";
import { Metadata } from "@grpc/grpc-js";
import type { Command } from "commander";
import { defaultPolicy, type Policy as PolicySettings } from "@picket/correlator/policy/policy.js";
import { Policy } from "@picket/proto/generated/picket/v1/policy.js";
import { PicketError } from "@picket/proto/picket-error.js";
import { parse as parseYaml } from "yaml";
import { fromWirePolicy, toWirePolicy } from "../policy/policy-mapper.js";
import { withApiClient, type ApiClient } from "./api-client.js";
import { authorName } from "./author-name.js";
import { bold, formatTime } from "./display.js";
import {
  applyAssignments,
  formatSetting,
  parsePolicyDocument,
  policySettings,
  settingOf,
} from "./policy-settings.js";
import { addServerOptions, type ServerOptions } from "./server-options.js";
import { printable, type Terminal } from "./terminal.js";
import { formatTable, type Cell } from "./text-table.js";

interface ShowOptions extends ServerOptions {
  readonly json?: boolean;
}

interface SetOptions extends ShowOptions {
  readonly file?: string;
  readonly comment: string;
  readonly dryRun?: boolean;
}

/** Adds `policy show` and `policy set`. */
export function registerPolicyCommands(program: Command, terminal: Terminal): void {
  const policy = program.command("policy").description("show and change the central policy");
  addServerOptions(policy.command("show"))
    .description("show every setting with its default")
    .addHelpText("after", "\nExample:\n  picket policy show\n")
    .action((options: ShowOptions) => showCommand(options, terminal));
  addServerOptions(policy.command("set"))
    .description("change settings for all detectors and sensors")
    .argument("[field=value...]", "settings to change; the value `default` brings the default back")
    .option("--file <file>", "replace the whole policy by this YAML or JSON file first; - is stdin")
    .option("--comment <text>", "why, kept with the revision", "")
    .option("--dry-run", "check and show what would change, but change nothing")
    .addHelpText("after", "\nExample:\n  picket policy set scan.crowdSourcesMin=4 --comment 'small lab'\n")
    .action((assignments: string[], options: SetOptions) => setCommand(assignments, options, terminal));
}

async function showCommand(options: ShowOptions, terminal: Terminal): Promise<void> {
  const policy = await withApiClient(options, getPolicy);
  if (options.json === true) {
    terminal.out(formatJsonLine(policy));
    return;
  }
  const from =
    policy.revision === 0n ? "built-in defaults" : `${policy.author}, ${formatTime(policy.updateTime)}`;
  terminal.out(`revision ${policy.revision} (${printable(from)})${formatComment(policy)}\n\n`);
  terminal.out(formatSettings(fromWirePolicy(policy), terminal.hasColours));
}

async function setCommand(
  assignments: readonly string[],
  options: SetOptions,
  terminal: Terminal,
): Promise<void> {
  if (assignments.length === 0 && options.file === undefined) {
    throw new PicketError("INVALID_ARGUMENT", "policy set: give FIELD=VALUE or --file FILE");
  }
  const document = options.file === undefined ? undefined : await readDocument(options.file);
  const [before, after] = await withApiClient(options, async (client) => {
    const current = await getPolicy(client);
    const base = document?.policy ?? fromWirePolicy(current);
    const message = toMessage(
      applyAssignments(base, assignments),
      document?.etag ?? current.etag,
      options.comment,
    );
    const request = { policy: message, validateOnly: options.dryRun === true };
    const call = client.call<Policy>((done, call) =>
      client.policy.updatePolicy(request, new Metadata(), call, done),
    );
    return [current, await call];
  });
  if (options.json === true) terminal.out(formatJsonLine(after));
  else terminal.out(formatChange(before, after, options.dryRun === true));
}

/** The policy in force. */
export function getPolicy(client: ApiClient): Promise<Policy> {
  return client.call((done, call) => client.policy.getPolicy({}, new Metadata(), call, done));
}

/** The message that replaces the policy; author is who runs the command. */
function toMessage(policy: PolicySettings, etag: string, comment: string): Policy {
  return toWirePolicy({ revision: 0, updateMs: 0, etag, author: authorName(), comment, policy });
}

async function readDocument(file: string): Promise<ReturnType<typeof parsePolicyDocument>> {
  let document: unknown;
  try {
    document = parseYaml(await readFile(file === "-" ? "/dev/stdin" : file, "utf8"), { maxAliasCount: 10 });
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new PicketError("FILE_UNREADABLE", `cannot read the policy file ${file}: ${reason}`, {
      cause: error,
    });
  }
  try {
    return parsePolicyDocument(document);
  } catch (error) {
    if (!(error instanceof PicketError)) throw error;
    throw new PicketError(error.code, `${file}: ${error.message}`, { cause: error, field: error.field });
  }
}

function formatSettings(policy: PolicySettings, hasColours: boolean): string {
  const rows = policySettings.map(({ name, about }): Cell[] => {
    const value = formatSetting(settingOf(policy, name));
    const fallback = formatSetting(settingOf(defaultPolicy, name));
    const isChanged = value !== fallback;
    const paint = (text: string): string => bold(text, hasColours && isChanged);
    return [
      { text: name, paint },
      { text: shorten(value), paint },
      isChanged ? shorten(fallback) : "",
      about,
    ];
  });
  return formatTable(["FIELD", "VALUE", "DEFAULT", "MEANING"], rows);
}

function formatChange(before: Policy, after: Policy, isDryRun: boolean): string {
  const [old, now] = [fromWirePolicy(before), fromWirePolicy(after)];
  const changes = policySettings
    .map(({ name }) => ({
      name,
      from: formatSetting(settingOf(old, name)),
      to: formatSetting(settingOf(now, name)),
    }))
    .filter(({ from, to }) => from !== to)
    .map(
      ({ name, from, to }) => `${name}: ${printable(from || "(empty)")} -> ${printable(to || "(empty)")}\n`,
    );
  const outcome = isDryRun
    ? `checked, nothing changed: revision ${before.revision} stays\n`
    : `policy revision ${after.revision}${formatComment(after)}\n`;
  return (changes.length === 0 ? "no setting differs\n" : changes.join("")) + outcome;
}

function formatComment(policy: Policy): string {
  return policy.comment === "" ? "" : `: ${printable(policy.comment)}`;
}

function shorten(text: string): string {
  return text.length > 32 ? `${text.slice(0, 31)}\u2026` : text;
}

function formatJsonLine(policy: Policy): string {
  return `${JSON.stringify(Policy.toJSON(policy))}\n`;
}
