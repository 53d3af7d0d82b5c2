import { isCidr } from "@picket/correlator/flows/home-networks.js";
import type { Policy, PolicyRevision } from "@picket/correlator/policy/policy.js";
import { defaultPolicyRevision, policySchema } from "@picket/correlator/policy/policy.js";
import { PicketError } from "@picket/proto/picket-error.js";

import { issueText, readYaml } from "../picket/options-from-schema.js";

/**
 * The policy of a file, fields left out at their defaults, with the home
 * networks of `--home` in place of the file's when any is given. Throws
 * PicketError FILE_UNREADABLE, INVALID_POLICY or INVALID_ARGUMENT that names
 * the file and field, or the flag.
 */
export async function policyFrom(file: string | undefined, home: readonly string[]): Promise<PolicyRevision> {
  for (const network of home) {
    if (!isCidr(network)) {
      throw new PicketError("INVALID_ARGUMENT", `--home: "${network}" is not a network such as 10.0.0.0/8`);
    }
  }
  const policy = file === undefined ? defaultPolicyRevision.policy : await readPolicyFile(file);
  return {
    ...defaultPolicyRevision,
    policy: home.length === 0 ? policy : { ...policy, homeNetworks: [...home] },
  };
}

async function readPolicyFile(file: string): Promise<Policy> {
  const result = policySchema.safeParse(camelKeys(await readYaml(file)));
  if (!result.success) {
    const issue = result.error.issues[0];
    const field = [
      ...issue.path.map(String),
      ...(issue.code === "unrecognized_keys" ? [issue.keys[0]] : []),
    ].join(".");
    const text = issue.code === "unrecognized_keys" ? "is not a setting of the policy" : issueText(issue);
    throw new PicketError("INVALID_POLICY", `${file}: ${field} ${text}`, { field });
  }
  const wrong = result.data.homeNetworks.find((network) => !isCidr(network));
  if (wrong === undefined) return result.data;
  throw new PicketError(
    "INVALID_POLICY",
    `${file}: homeNetworks: "${wrong}" is not a network such as 10.0.0.0/8`,
  );
}

/** Proto field names as well as those of proto3 JSON: scan.crowd_sources_min, scan.crowdSourcesMin. */
function camelKeys(value: unknown): unknown {
  if (Array.isArray(value) || typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [camel(key), camelKeys(each)]));
}

function camel(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
