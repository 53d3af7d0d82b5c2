import { InvalidArgumentError, Option, type Command } from "commander";
import { incidentKinds, incidentStates, severities } from "@picket/correlator/incidents/incident.js";
import type { Timestamp } from "@picket/proto/generated/google/protobuf/timestamp.js";
import { IncidentFilter } from "@picket/proto/generated/picket/v1/incident.js";
import { toEnum, toTimestamp } from "../grpc/wire-value-mapper.js";

/** What the filter options give. */
export interface FilterOptions {
  readonly kind?: readonly string[];
  readonly minSeverity?: string;
  readonly state?: readonly string[];
  readonly source?: string;
  readonly target?: string;
  readonly sensor?: string;
  readonly since?: Timestamp;
  readonly all?: boolean;
  readonly acknowledged?: boolean;
}

/** Adds the options that choose incidents. */
export function addFilterOptions(command: Command): Command {
  return command
    .addOption(new Option("--kind <kind...>", "only these kinds").choices(incidentKinds))
    .addOption(new Option("--min-severity <severity>", "this severity and above").choices(severities))
    .addOption(new Option("--state <state...>", "only these states").choices(incidentStates))
    .option("--source <address>", "only with this source")
    .option("--target <address>", "only with this target")
    .option("--sensor <name>", "only with evidence of this sensor")
    .addOption(
      new Option("--since <time>", "seen since then: 90s, 15m, 1h, 2d ago, or an ISO 8601 time").argParser(
        parseSince,
      ),
    )
    .option("--acknowledged", "only those that somebody acknowledged")
    .option("--no-acknowledged", "only those that nobody did")
    .option("--all", "also merged and retracted incidents");
}

/** The filter message of the options. */
export function toWireFilterOf(options: FilterOptions): IncidentFilter {
  return IncidentFilter.create({
    kinds: options.kind?.map((kind) => toEnum(incidentKinds, kind)),
    minSeverity: options.minSeverity === undefined ? 0 : toEnum(severities, options.minSeverity),
    states: options.state?.map((state) => toEnum(incidentStates, state)),
    source: options.source,
    target: options.target,
    sensor: options.sensor,
    seenAfter: options.since,
    includeInactive: options.all === true,
    acknowledged: options.acknowledged,
  });
}

const unitSeconds: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** A time as people give it: how long ago, or ISO 8601. */
export function parseSince(text: string): Timestamp {
  const ago = /^(\d{1,9})([smhd])$/.exec(text);
  if (ago !== null) return toTimestamp(Date.now() - Number(ago[1]) * unitSeconds[ago[2]] * 1000);
  const timeMs = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(timeMs)) throw new InvalidArgumentError("give 90s, 15m, 1h, 2d or an ISO 8601 time.");
  return toTimestamp(timeMs);
}

/** A parser of whole numbers from a minimum on. */
export function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d{1,9}$/.test(text) || value < min)
      throw new InvalidArgumentError(`give a whole number from ${min} on.`);
    return value;
  };
}
