import type { Lab } from "../lab.js";
import type { Report } from "../report.js";

/** Nothing ended by itself, the watch missed nothing. */
export function checkQuietDaemons(lab: Lab, report: Report): void {
  const ended = lab.daemons.filter((daemon) => daemon.end !== undefined && !lab.killed.includes(daemon));
  const { fault } = lab.watch;
  report.check(
    ended.length === 0 && fault === undefined,
    "everything still runs",
    [...ended.map(({ name, end }) => `${name}: ${end}`), ...(fault === undefined ? [] : [fault])].join(
      ", ",
    ) || `${lab.daemons.length} processes started, ${lab.killed.length} killed, the watch missed nothing`,
  );
}

/** Sensors, correlators and the api stop when told, with exit code 0. */
export function checkCleanEnd(lab: Lab, report: Report): void {
  const daemons = lab.daemons.filter(({ name }) => !name.startsWith("services"));
  const unclean = daemons.filter(({ end }) => end !== "exit 0");
  const killed = unclean.filter((daemon) => lab.killed.includes(daemon));
  report.check(
    unclean.length === killed.length,
    "every daemon stops when told",
    [
      `${daemons.length - unclean.length} with exit 0`,
      ...unclean.map(({ name, end }) => `${name}: ${end}`),
    ].join(", "),
  );
}
