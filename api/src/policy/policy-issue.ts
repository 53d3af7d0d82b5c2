import type { z } from "zod";

type Issue = z.core.$ZodIssue;

/** What is wrong with which field, the field named as in the proto: "scan.crowd_sources_min". */
export function describeIssue(issue: Issue): { field: string; problem: string } {
  if (issue.code === "unrecognized_keys") {
    return { field: fieldOf([...issue.path, issue.keys[0]]), problem: "is not a field of the policy" };
  }
  return { field: fieldOf(issue.path), problem: problemOf(issue) };
}

function problemOf(issue: Issue): string {
  if (issue.code === "too_small") {
    return `must be ${issue.inclusive === false ? "more than" : "at least"} ${issue.minimum}${unitOf(issue.origin)}`;
  }
  if (issue.code === "too_big") {
    return `must be ${issue.inclusive === false ? "less than" : "at most"} ${issue.maximum}${unitOf(issue.origin)}`;
  }
  if (issue.code === "invalid_type") {
    return `must be ${issue.expected === "int" ? "a whole number" : articleOf(issue.expected)}`;
  }
  return issue.message;
}

function unitOf(origin: string): string {
  if (origin === "string") return " characters long";
  return origin === "array" ? " entries long" : "";
}

function articleOf(expected: string): string {
  return /^[aeiou]/.test(expected) ? `an ${expected}` : `a ${expected}`;
}

/** The camel-case path of proto3 JSON in the proto's own names. */
function fieldOf(path: readonly PropertyKey[]): string {
  let field = "";
  for (const part of path) {
    if (typeof part === "number") field += `[${part}]`;
    else
      field +=
        (field === "" ? "" : ".") + String(part).replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  }
  return field || "policy";
}
