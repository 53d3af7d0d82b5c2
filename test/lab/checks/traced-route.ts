import { hosts, routeTracers } from "../address-plan.js";
import { runCommand } from "../command.js";
import { describeIncidents } from "../incident-facts.js";
import type { Lab } from "../lab.js";
import type { Report } from "../report.js";
import { pass } from "../until.js";

const hopsMax = 30;
/** Longer than a silent datagram is waited for, and any finding after it. */
const settleMs = 8000;

/** Several who trace the route to a host that never answers them scan nothing. */
export async function checkTracedRoute(lab: Lab, report: Report): Promise<void> {
  const before = new Set(lab.watch.active().map(({ id }) => id));
  const outputs = await Promise.all(
    routeTracers.map(({ namespace, address }) =>
      runCommand(`traceroute -n -w 1 -N 90 -m ${hopsMax} -s ${address} ${hosts[1].address}`.split(" "), {
        namespace,
      }),
    ),
  );
  await pass(settleMs);
  const silentHops = outputs.join("\n").split("* * *").length - 1;
  const raised = lab.watch.active().filter(({ id }) => !before.has(id));
  report.check(
    silentHops === routeTracers.length * hopsMax && raised.length === 0,
    "traced routes raise nothing",
    `${silentHops} silent hops; ${describeIncidents(raised)}`,
  );
}
