import type { Command } from "commander";

/** One command of `picket`, loaded only when it is asked for. */
export interface Role {
  readonly name: string;
  /** Shown by `picket --help`. */
  readonly summary: string;
  /** Imports the role and adds its commands to the program. */
  readonly load: () => Promise<(program: Command) => void>;
}

const client = async (): Promise<(program: Command) => void> =>
  (await import("@picket/api/cli/client-commands.js")).registerClientCommands;

/** Every command, in the order of `picket --help`. */
export const roles: readonly Role[] = [
  {
    name: "up",
    summary: "sensor, correlator and api in one command",
    load: async () => (await import("./up-command.js")).registerUp,
  },
  {
    name: "analyze",
    summary: "find incidents in capture files and flow logs",
    load: async () => (await import("./analyze-command.js")).registerAnalyze,
  },
  {
    name: "sensor",
    summary: "capture on this host and publish its flows",
    load: async () => (await import("./sensor-command.js")).registerSensor,
  },
  {
    name: "correlator",
    summary: "merge the flows of all sensors into incidents",
    load: async () => (await import("./correlator-command.js")).registerCorrelator,
  },
  {
    name: "api",
    summary: "serve incidents, sensors and policy through gRPC",
    load: async () => (await import("./api-command.js")).registerApi,
  },
  { name: "incidents", summary: "list, show and watch incidents", load: client },
  { name: "sensors", summary: "list the sensors and how they do", load: client },
  { name: "hosts", summary: "show what is usual for an inside host", load: client },
  { name: "policy", summary: "show and change the central policy", load: client },
  {
    name: "doctor",
    summary: "check servers, streams and sensors, end to end",
    load: async () => (await import("./doctor-command.js")).registerDoctor,
  },
];
