import ipaddr from "ipaddr.js";
import { policySchema, type Policy, type PolicyRevision } from "@picket/correlator/policy/policy.js";
import type * as wire from "@picket/proto/generated/picket/v1/policy.js";
import { PicketError } from "@picket/proto/picket-error.js";
import { toOptionalTimestamp, toUint64 } from "../grpc/wire-value-mapper.js";
import { describeIssue } from "./policy-issue.js";

/** The API message of a policy, every setting resolved. */
export function toWirePolicy(revision: PolicyRevision): wire.Policy {
  return {
    ...structuredClone(revision.policy),
    revision: toUint64(revision.revision),
    etag: revision.etag,
    updateTime: toOptionalTimestamp(revision.updateMs),
    author: revision.author,
    comment: revision.comment,
  };
}

/**
 * The settings of a policy message; absent fields and empty lists have their
 * defaults. Throws PicketError INVALID_POLICY that names the field as the proto does.
 */
export function fromWirePolicy(message: wire.Policy): Policy {
  const { revision: _r, etag: _e, updateTime: _u, author: _a, comment: _c, ...settings } = message;
  return parsePolicy(
    Object.fromEntries(Object.entries(settings).map(([name, group]) => [name, withoutEmptyLists(group)])),
  );
}

/**
 * Settings in the shape of proto3 JSON, checked and with defaults.
 * Throws PicketError INVALID_POLICY that names the field as the proto does.
 */
export function parsePolicy(value: unknown): Policy {
  const result = policySchema.safeParse(value);
  if (!result.success) {
    const { field, problem } = describeIssue(result.error.issues[0]);
    throw new PicketError("INVALID_POLICY", `${field}: ${problem}`, { field });
  }
  checkNetworks(result.data.homeNetworks);
  return result.data;
}

function withoutEmptyLists(group: object | undefined): object | undefined {
  if (group === undefined || Array.isArray(group)) return group;
  return Object.fromEntries(
    Object.entries(group).filter(([, value]) => !Array.isArray(value) || value.length > 0),
  );
}

function checkNetworks(networks: readonly string[]): void {
  const index = networks.findIndex((network) => !isNetwork(network));
  if (index < 0) return;
  const field = `home_networks[${index}]`;
  throw new PicketError("INVALID_POLICY", `${field}: must be a CIDR block, for example 10.0.0.0/8`, {
    field,
  });
}

/** Octal, short and scoped forms mean different things to different programs: they are refused. */
function isNetwork(text: string): boolean {
  return text.includes(":")
    ? ipaddr.IPv6.isValidCIDR(text) && !text.includes("%")
    : ipaddr.IPv4.isValidCIDRFourPartDecimal(text);
}
