import { clients, servers } from "../address-plan.js";
import { runCommand } from "../command.js";
import { labProgram, type Lab } from "../lab.js";
import type { Report } from "../report.js";
import { pass } from "../until.js";

const durationMs = 20_000;
/** Longer than any finding takes. */
const settleMs = 2500;

interface Exchanges {
  readonly web: number;
  readonly name: number;
  readonly session: number;
}

/** Ordinary traffic raises nothing, nor does the sensors' own. */
export async function checkBenign(lab: Lab, report: Report): Promise<void> {
  const addresses = servers.map(({ address }) => address);
  const outputs = await Promise.all(
    clients.map(({ namespace }, seed) =>
      runCommand(labProgram("ordinary-user", String(seed), String(durationMs), ...addresses), {
        namespace,
        timeoutMs: durationMs + 15_000,
      }),
    ),
  );
  await pass(settleMs);
  const total = outputs.map((output) => JSON.parse(output) as Exchanges).reduce(add);
  const incidents = [...new Map(lab.watch.events.map(({ incident }) => [incident.id, incident])).values()];
  const isBusy = total.web >= 40 && total.name >= 40 && total.session >= 8;
  report.check(
    incidents.length === 0 && isBusy,
    "ordinary traffic raises nothing",
    `${total.web} pages, ${total.name} name queries, ${total.session} sessions, ` +
      `${lab.recorder.flows.length} flow records, ${incidents.length} incidents`,
  );
  for (const { summary } of incidents) report.note(summary);
}

function add(a: Exchanges, b: Exchanges): Exchanges {
  return { web: a.web + b.web, name: a.name + b.name, session: a.session + b.session };
}
