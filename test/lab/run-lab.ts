import { checkBenign } from "./checks/benign.js";
import { checkListedSweep, checkNothingLost } from "./checks/command-line.js";
import { checkDelay } from "./checks/delay.js";
import { checkDealtScan } from "./checks/dealt-scan.js";
import { checkEachHostAlone } from "./checks/each-host-alone.js";
import { checkCleanEnd, checkQuietDaemons } from "./checks/daemons.js";
import { checkKilledCorrelator } from "./checks/killed-correlator.js";
import { checkPolicy } from "./checks/policy.js";
import { checkReadiness } from "./checks/readiness.js";
import { checkSharedSweep } from "./checks/shared-sweep.js";
import { checkSlowSource } from "./checks/slow-source.js";
import { checkTracedRoute } from "./checks/traced-route.js";
import { Lab } from "./lab.js";
import { Report } from "./report.js";

const logLinesShown = 15;
const stopMaxMs = 15_000;

/**
 * Builds the lab, runs the named checks (default: every one) in order and takes
 * everything down again; the exit code.
 */
export async function runLab(named: readonly string[]): Promise<number> {
  const unknown = named.find((name) => checks[name] === undefined);
  if (unknown !== undefined) {
    process.stderr.write(`picket: the lab has no check ${unknown}: ${Object.keys(checks).join(", ")}\n`);
    return 2;
  }
  const lab = new Lab();
  const report = new Report();
  const stopped = stopRequest();
  let failure: string | undefined;
  try {
    failure = await Promise.race([
      runChecks(lab, report, named.length > 0 ? named : Object.keys(checks)),
      stopped,
    ]);
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  }
  if (failure !== undefined) report.check(false, "run", failure);
  await lab.stop();
  if (failure === undefined) checkCleanEnd(lab, report);
  const code = report.finish();
  if (code !== 0) showLogs(lab);
  return code;
}

const checks: Readonly<Record<string, (lab: Lab, report: Report) => Promise<void>>> = {
  policy: checkPolicy,
  benign: checkBenign,
  "shared-sweep": checkSharedSweep,
  "each-host-alone": checkEachHostAlone,
  "listed-sweep": checkListedSweep,
  "slow-source": checkSlowSource,
  "traced-route": checkTracedRoute,
  "dealt-scan": checkDealtScan,
  "killed-correlator": checkKilledCorrelator,
  delay: checkDelay,
  "nothing-lost": checkNothingLost,
};

async function runChecks(lab: Lab, report: Report, names: readonly string[]): Promise<undefined> {
  await lab.start();
  await checkReadiness(lab, report);
  for (const name of names) await checks[name](lab, report);
  checkQuietDaemons(lab, report);
}

/** Asked to stop by a signal, or by the end of standard input. An orderly stop has its limit. */
function stopRequest(): Promise<string> {
  return new Promise((resolve) => {
    const stop = (): void => {
      setTimeout(() => process.exit(1), stopMaxMs).unref();
      resolve("told to stop");
    };
    process.once("SIGINT", stop);
    process.once("SIGTERM", stop);
    process.stdin.once("end", stop);
    process.stdin.resume();
  });
}

function showLogs(lab: Lab): void {
  for (const { name, end, log } of lab.daemons) {
    process.stdout.write(`-- ${name} (${end ?? "running"})\n`);
    for (const line of log.slice(-logLinesShown)) process.stdout.write(`   ${line.slice(0, 400)}\n`);
  }
}
