import { parseArgs } from "node:util";
import { attackKinds } from "../scenarios/fleet-attacks.js";
import { fleetHostsMax } from "../scenarios/fleet-addresses.js";
import { fleetJson, fleetText } from "./fleet-report.js";
import { fleetDefaults, runFleet, type FleetSettings } from "./fleet-run.js";
import { notBuilt } from "./role-process.js";

const usage = `npm run fleet -- [options]

Virtual sensors in one process report ordinary traffic with attacks in it through a real NATS; the
report says what was found, what was told in error, how long it took and what it cost.

  --sensors N       hosts with a sensor each (default ${fleetDefaults.sensors})
  --flows N         new flows a second of all sensors (default: 25 a minute of each host)
  --seconds N       how long (default ${fleetDefaults.runMs / 1000})
  --quiet N         seconds before the first attack, in which traffic grows to its rate (default ${fleetDefaults.quietMs / 1000})
  --seed N          the same seed gives the same traffic (default ${fleetDefaults.seed})
  --attacks LIST    names with commas, "none", or "list" to print them (default: all)
  --repeat N        how often each attack happens (default ${fleetDefaults.repeat})
  --correlators N   correlators to start (default ${fleetDefaults.correlators})
  --nats URL --redis URL [--api HOST:PORT]   use a running system; --correlators is then 0 unless given
  --connections N   connections to NATS that the sensors share (default ${fleetDefaults.connections})
  --status N        milliseconds between two heartbeats of a sensor (default ${fleetDefaults.statusEveryMs})
  --json            one object a line

Examples
  npm run fleet -- --sensors 50 --seconds 30
  npm run fleet -- --sensors 1000 --flows 2000 --correlators 2 --seed 7
  npm run fleet -- --sensors 20 --attacks vertical-scan,campaign --repeat 5 --json
  npm run fleet -- --sensors 100 --nats nats://10.0.0.5:4222 --redis redis://10.0.0.5:6379

Exit code 0: every attack found and nothing told in error; 1: not so; 2: wrong use.
`;

interface Request {
  readonly settings: FleetSettings;
  readonly isJson: boolean;
}

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) return print(usage);
  const request = readArguments(args);
  if (request === "list") return print(attackList());
  if (typeof request === "string") return refuse(request);
  if (notBuilt !== undefined) return refuse(notBuilt);
  return await run(request);
}

async function run({ settings, isJson }: Request): Promise<number> {
  const abort = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => abort.abort());
  try {
    const result = await runFleet(settings, abort.signal, (line) => showProgress(line));
    if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
    print(`${(isJson ? fleetJson(result) : fleetText(result)).join("\n")}\n`);
    return result.recall === 1 && result.falseIncidents.length === 0 && result.isSettled ? 0 : 1;
  } catch (error) {
    // The terminal's Ctrl-C also reaches the servers that we started.
    if (!abort.signal.aborted) return refuse(error instanceof Error ? error.message : String(error));
    process.stderr.write("picket: fleet: stopped\n");
    return 1;
  }
}

/** One line that is written over, on a terminal only. */
function showProgress(line: string): void {
  if (process.stderr.isTTY)
    process.stderr.write(`\r\u001b[K${line.slice(0, (process.stderr.columns ?? 120) - 1)}`);
}

function readArguments(args: readonly string[]): Request | string {
  const value = { type: "string" } as const;
  try {
    const { values: given } = parseArgs({
      args: [...args],
      options: {
        sensors: value,
        flows: value,
        seconds: value,
        quiet: value,
        seed: value,
        attacks: value,
        repeat: value,
        correlators: value,
        nats: value,
        redis: value,
        api: value,
        connections: value,
        status: value,
        json: { type: "boolean" },
      },
    });
    if (given.attacks === "list") return "list";
    if ((given.nats === undefined) !== (given.redis === undefined)) return "give --nats and --redis together";
    if (given.api !== undefined && given.nats === undefined) return "--api needs --nats and --redis";
    const seconds = (text: string | undefined, name: string, fallbackMs: number): number =>
      text === undefined ? fallbackMs : numberOf(name, text, name === "seconds" ? 10 : 1, 86_400) * 1000;
    const whole = (name: "sensors" | "seed" | "repeat" | "connections", min: number, max: number): number =>
      given[name] === undefined ? fleetDefaults[name] : Math.trunc(numberOf(name, given[name], min, max));
    const runMs = seconds(given.seconds, "seconds", fleetDefaults.runMs);
    return {
      isJson: given.json === true,
      settings: {
        sensors: whole("sensors", 2, fleetHostsMax),
        seed: whole("seed", 0, 2 ** 31),
        repeat: whole("repeat", 1, 1000),
        connections: whole("connections", 1, 256),
        runMs,
        quietMs: Math.min(runMs / 3, seconds(given.quiet, "quiet", fleetDefaults.quietMs)),
        flowsPerSecond: given.flows === undefined ? undefined : numberOf("flows", given.flows, 1, 1e6),
        attacks: attacksOf(given.attacks),
        correlators: correlatorsOf(given.correlators, given.nats !== undefined),
        statusEveryMs:
          given.status === undefined
            ? fleetDefaults.statusEveryMs
            : numberOf("status", given.status, 100, 1e6),
        nats: given.nats,
        redis: given.redis,
        api: given.api,
      },
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function attacksOf(text: string | undefined): string[] | undefined {
  const names = text?.split(",").filter((name) => name !== "none");
  const unknown = names?.find((name) => !attackKinds.some((kind) => kind.name === name));
  if (unknown !== undefined) throw new Error(`there is no attack ${unknown}: --attacks list names them`);
  return names;
}

function correlatorsOf(text: string | undefined, isGivenSystem: boolean): number {
  if (text === undefined) return isGivenSystem ? 0 : fleetDefaults.correlators;
  return Math.trunc(numberOf("correlators", text, 0, 64));
}

function numberOf(name: string, text: string, min: number, max: number): number {
  const number = Number(text);
  if (text === "" || !(number >= min && number <= max))
    throw new Error(`--${name} ${text}: give a number from ${min} to ${max}`);
  return number;
}

function attackList(): string {
  const lines = attackKinds.map(
    ({ name, summary, kinds, severityMin }) =>
      `${name.padEnd(18)}${summary}: ${kinds.join(" or ")}, ${severityMin}`,
  );
  return `${lines.join("\n")}\n`;
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function refuse(message: string): number {
  process.stderr.write(`picket: fleet: ${message}\n`);
  return 2;
}
